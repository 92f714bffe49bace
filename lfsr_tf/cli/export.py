"""`lfsr export`: a trained model to a SavedModel for TensorFlow Serving."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lfsr_tf.cli.console import console, messages
from lfsr_tf.cli.quiet import with_quiet_tensorflow


@with_quiet_tensorflow
def export(
    model: Annotated[Path, typer.Argument(help="A model of `lfsr models`, a run folder, or a .keras file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Base folder of the server's models.")],
    name: Annotated[str, typer.Option(help="Name of the model on the server.")] = "lfsr",
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
) -> None:
    """Export a model for TensorFlow Serving: OUTPUT/NAME/VERSION/ with a SavedModel and metadata.json.

    Every signature is loaded and run by TensorFlow's own C++ loader before the version appears under its
    name.

    Example:

        lfsr export runs/quick --output models --name lfsr
    """
    from lfsr_tf.models import load_model
    from lfsr_tf.serving.export import export_model
    from lfsr_tf.serving.signatures import SIGNATURES
    from lfsr_tf.serving.warmup import parse_sizes

    with messages.status("Exporting"):
        folder = export_model(
            load_model(model),
            output,
            name,
            version,
            dtype=dtype,
            warm_up=parse_sizes(warm_up or ["64x64"]),
            check=check,
        )
    checked = "checked with TensorFlow's C++ loader" if check else "not checked"
    console.print(f"{folder}  signatures {', '.join(SIGNATURES)}, {checked}", soft_wrap=True, markup=False)
