"""`python -m studies.ship NAME RUN`: put a trained run into the package, with its card and its figures."""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from lfsr_tf.errors import ConfigError
from lfsr_tf.evaluation import EvaluationConfig, Results, evaluate, summaries
from lfsr_tf.evaluation.methods import MODEL
from lfsr_tf.evaluation.tables import ALL, lookup
from lfsr_tf.models import ModelCard, list_models, read_card
from lfsr_tf.models.catalogue import SHIPPED
from lfsr_tf.models.weights import load_shipped
from lfsr_tf.networks import TrainedModel, build_network, load_model
from lfsr_tf.networks.recast import recast
from lfsr_tf.scans import find_scans
from studies.command import carry_out
from studies.page import markdown_table, renew
from studies.plan import FOLDER
from studies.publish import publish

SIGMAS = (0.0, 0.015, 0.03, 0.06)
MOST_LOSS_DB = 0.02
# Slices of a volume on which both precisions are compared.
FEW_SLICES = 5
# More than any page shows, so that a figure is rounded once.
_DIGITS = 6
_ORDER = ["paper", "fast", "best"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m studies.ship", description=__doc__)
    parser.add_argument("name", help="of the model, a table of models.toml")
    parser.add_argument("run", type=Path, help="the run folder")
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="the folder that holds val/"
    )
    parser.add_argument("--version", type=int, default=1)
    return carry_out(_carry_out, parser.parse_args(arguments))


def _carry_out(options: argparse.Namespace) -> None:
    """Publish the run, judge the float16 weights that were written, and write the card again with that."""
    card, trained = card_text(options.name), load_model(options.run)
    if card.pop("self_ensemble", False):
        trained = self_ensemble(trained)
    with tempfile.TemporaryDirectory() as folder:
        publish(trained, options.name, Path(folder), **card)
        shipped = load_shipped(options.name, Path(folder))
    policy, results = judged(shipped, find_scans(options.data / "val"))
    card |= {"results": results, "version": options.version, "dtype_policy": policy}
    publish(trained, options.name, SHIPPED, **card)
    renew(FOLDER.parent / "docs" / "models.md", tables())


def tables() -> dict[str, str]:
    """The table of docs/models.md: what the cards say."""
    cards = {name: read_card(name) for name in sorted(list_models(), key=_place)}
    first = next(iter(cards.values()))
    rows = [["zero-filling", "", "", "", *_figures(first, "zero_fill_")]]
    for name, card in cards.items():
        cost = f"{card.multiply_adds / 1e9:.2f} G"
        size = f"{(SHIPPED / f'{name}.safetensors').stat().st_size / 1e6:.1f} MB"
        rows.append([name, f"{card.parameters:,}", size, cost, *_figures(card)])
    sigmas = " / ".join(f"{row['sigma']:g}" for row in first.results)
    headings = ["model", "parameters", "weights", "multiply-adds a 64 x 64 slice"]
    return {"models": markdown_table([*headings, f"PSNR at sigma {sigmas}, dB", "SSIM"], rows)}


def _place(name: str) -> tuple[int, str]:
    """Known models in their order, then others by name."""
    return _ORDER.index(name) if name in _ORDER else len(_ORDER), name


def _figures(card: ModelCard, prefix: str = "") -> list[str]:
    psnr = " / ".join(f"{row[f'{prefix}psnr']:.2f}" for row in card.results)
    return [psnr, " / ".join(f"{row[f'{prefix}ssim']:.3f}" for row in card.results)]


def self_ensemble(trained: TrainedModel) -> TrainedModel:
    """The model's mean over eight views, with the same weights."""
    settings = {"of": trained.info.network, **trained.info.settings}
    model = build_network("SelfEnsemble", **settings)
    model.set_weights(trained.model.get_weights())
    return TrainedModel(model, dataclasses.replace(trained.info, network="SelfEnsemble", settings=settings))


def judged(trained: TrainedModel, scans: list[Path]) -> tuple[str, list[dict[str, float]]]:
    """The dtype policy that a model is meant for and its figures there.

    bfloat16 where it costs at most `MOST_LOSS_DB` at every noise level. A processor without bfloat16 gives
    the same figures, slowly.
    """
    few = EvaluationConfig(sigmas=SIGMAS, baselines=("zero-fill",), slices_per_volume=FEW_SLICES)
    exact, quick = (
        figures(evaluate(recast(trained, policy), scans, few)) for policy in ("float32", "mixed_bfloat16")
    )
    loss = max(one["psnr"] - other["psnr"] for one, other in zip(exact, quick, strict=True))
    print(f"bfloat16 costs {loss:+.4f} dB at most")
    policy = "mixed_bfloat16" if loss <= MOST_LOSS_DB else "float32"
    config = EvaluationConfig(sigmas=SIGMAS, baselines=("zero-fill",))
    return policy, figures(evaluate(recast(trained, policy), scans, config))


def card_text(name: str) -> dict[str, Any]:
    """What models.toml says of a model, and of all of them.

    Raises:
        ConfigError: It does not name the model.
    """
    values = tomllib.loads((FOLDER / "models.toml").read_text(encoding="utf-8"))
    models = {key: value for key, value in values.items() if isinstance(value, dict)}
    common = {key: value for key, value in values.items() if key not in models}
    if name not in models:
        raise ConfigError(f"Expected a model of models.toml ({', '.join(models)}). Received: {name}.")
    return {**common, **models[name]}


def figures(results: Results) -> list[dict[str, float]]:
    """The card's figures: means over volumes inside the head mask, one row a noise level."""
    rows, table = summaries(results), []
    for sigma in results.config.sigmas:
        row = {"sigma": sigma}
        for metric in ("psnr", "ssim"):
            for method, prefix in ((MODEL, ""), ("zero-fill", "zero_fill_")):
                wanted = {
                    "contrast": ALL,
                    "sigma": sigma,
                    "region": "head",
                    "metric": metric,
                    "method": method,
                }
                row[prefix + metric] = round(lookup(rows, **wanted).mean, _DIGITS)
        table.append(row)
    return table


if __name__ == "__main__":
    raise SystemExit(main())
