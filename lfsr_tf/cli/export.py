"""`lfsr export`: a trained model to a SavedModel for TensorFlow Serving, or to OpenVINO's files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lfsr_tf.cli.console import console, messages
from lfsr_tf.cli.quiet import with_quiet_tensorflow
from lfsr_tf.errors import ConfigError
from lfsr_tf.serving.layout import DEFAULT_NAME


@with_quiet_tensorflow
def export(
    model: Annotated[
        Path, typer.Argument(help="A model of `lfsr models`, a run folder, or a .keras file.", readable=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Base folder of the server's models.", readable=False)
    ],
    name: Annotated[str, typer.Option(help="Name of the model on the server.")] = DEFAULT_NAME,
    version: Annotated[
        int | None, typer.Option(help="Version; one more than the largest by default.")
    ] = None,
    dtype: Annotated[
        str, typer.Option(metavar="float32|mixed_bfloat16|auto", help="What the network computes in.")
    ] = "float32",
    warm_up: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HxW|none",
            help="Size of the slices that a server warms up with; repeat it for several. Default: 64x64.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option(help="Load the result with TensorFlow's C++ loader, as a server does.")
    ] = True,
    output_format: Annotated[
        str,
        typer.Option(
            "--format", metavar="savedmodel|openvino", help="openvino: model.xml for OpenVINO Model Server."
        ),
    ] = "savedmodel",
) -> None:
    """Export a model for a server: OUTPUT/NAME/VERSION/ with a SavedModel and metadata.json.

    Every signature is loaded and run by TensorFlow's own C++ loader before the version appears under its
    name.

    Example:

        lfsr export runs/quick --output models --name lfsr
    """
    if output_format == "openvino":
        _refuse(dtype=dtype != "float32", warm_up=warm_up is not None, no_check=not check)
        _export_openvino(model, output, name, version)
    elif output_format == "savedmodel":
        _export_saved_model(model, output, name, version, dtype, warm_up or ["64x64"], check)
    else:
        raise ConfigError(f"Expected --format savedmodel or openvino. Received: {output_format!r}.")


def _refuse(**given: bool) -> None:
    """Options that only a SavedModel has."""
    for option, used in given.items():
        if used:
            raise ConfigError(
                f"Expected no --{option.replace('_', '-')} with --format openvino, whose runtime decides. "
                "Leave it out."
            )


def _export_saved_model(
    model: Path,
    output: Path,
    name: str,
    version: int | None,
    dtype: str,
    warm_up: list[str],
    check: bool,
) -> None:
    from lfsr_tf.models import load_model, provenance
    from lfsr_tf.serving.export import export_model
    from lfsr_tf.serving.signatures import SIGNATURES, describe
    from lfsr_tf.serving.warmup import parse_sizes

    sizes = parse_sizes(warm_up)
    with messages.status("Exporting"):
        folder = export_model(
            load_model(model),
            output,
            name,
            version,
            dtype=dtype,
            warm_up=sizes,
            provenance=provenance(model),
            check=check,
        )
    names = ", ".join([*SIGNATURES, describe.NAME])
    checked = "checked with TensorFlow's C++ loader" if check else "not checked"
    console.print(f"{folder}  signatures {names}, {checked}", soft_wrap=True, markup=False)


def _export_openvino(model: Path, output: Path, name: str, version: int | None) -> None:
    from lfsr_tf.models import load_model, provenance
    from lfsr_tf.serving.metadata import METADATA_FILE
    from lfsr_tf.serving.openvino import export_openvino
    from lfsr_tf.storage import read_json

    with messages.status("Exporting"):
        folder = export_openvino(load_model(model), output, name, version, provenance=provenance(model))
    found = read_json(folder / METADATA_FILE)["openvino"]["accuracy"]
    costs = ", ".join(
        f"{row['precision']} {row['largest_difference']:.1e} of the largest value, "
        f"{row['psnr_loss_db']:+.4f} dB"
        for row in found
    )
    console.print(f"{folder}  beside TensorFlow's float32: {costs}", soft_wrap=True, markup=False)
