"""What a study runs, read from its TOML file.

`[common]` holds settings of every run, `[short]` the changes that make a run a matter of seconds, and each
`[[runs]]` a name, a title and its own changes. Tables are merged, the later one winning; `loss` and
`network_settings` are replaced as a whole. A run with `seeds` is made with each of these seeds too, under the
name `NAME@SEED`; short studies leave that out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lfsr_tf.errors import ConfigError
from lfsr_tf.evaluation.results import json_value
from lfsr_tf.pairs import PairsConfig
from lfsr_tf.training import TrainConfig

FOLDER = Path(__file__).parent
PLANS = FOLDER / "plans"
# Another loss does not keep the common one, and another network does not have the common one's settings.
_WHOLE = ("loss", "network_settings")
_SETTINGS = ("prepare", "train", "subjects", "evaluate")


@dataclass(frozen=True)
class Run:
    """One network to train and judge.

    Attributes:
        name: Short and unique within its study.
        title: As tables show it.
        pairs: How the scans become pairs.
        training: How the network is trained.
        subjects: The training subjects; None: all of them.
        evaluate: Changes to `lfsr_tf.evaluation.EvaluationConfig`, by name.
    """

    name: str
    title: str
    pairs: PairsConfig
    training: TrainConfig
    subjects: tuple[str, ...] | None
    evaluate: Mapping[str, Any]

    def identity(self) -> dict[str, Any]:
        """Everything that its result depends on, but the scans, as JSON values."""
        return {
            "pairs": self.pairs.to_json(),
            "training": self.training.to_dict(),
            "subjects": None if self.subjects is None else list(self.subjects),
            "evaluate": json_value(dict(self.evaluate)),
        }

    def made(self, identity: Mapping[str, Any]) -> bool:
        """Whether a result with this identity is this run's.

        Settings that the package did not have when the result was made count where this run changes them.
        """
        return _agrees(
            identity, self.identity(), Run("", "", PairsConfig(), TrainConfig(), None, {}).identity()
        )


def _agrees(stored: Mapping[str, Any], now: Mapping[str, Any], default: Mapping[str, Any]) -> bool:
    for name, value in now.items():
        usual = default.get(name)
        if name not in stored:
            agree = name in default and value == usual
        elif isinstance(value, Mapping) and isinstance(stored[name], Mapping):
            agree = set(stored[name]) <= set(value) and _agrees(stored[name], value, usual or {})
        else:
            agree = value == stored[name]
        if not agree:
            return False
    return True


@dataclass(frozen=True)
class Study:
    """A question and the runs that answer it."""

    name: str
    title: str
    runs: tuple[Run, ...]


def read_study(name: str, *, short: bool = False, folder: Path = PLANS) -> Study:
    """Read `plans/<name>.toml`.

    Args:
        name: Of the study.
        short: Apply the table `[short]`: seconds instead of minutes, and figures that mean nothing.
        folder: Where the file is.

    Raises:
        ConfigError: There is no such study, or a setting is unknown.
    """
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(entry.stem for entry in folder.glob("*.toml")))
        raise ConfigError(f"Expected a study ({known}). Received: {name}.")
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    common, shortened = values.get("common", {}), values.get("short", {}) if short else {}
    listed = values["runs"] if short else [each for own in values["runs"] for each in _with_seeds(own)]
    runs = tuple(_run(merged(merged(common, own), shortened)) for own in listed)
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise ConfigError(f"Expected different names for the runs of {path}. Received: {', '.join(names)}.")
    return Study(name, values["title"], runs)


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables, the second one's values winning, tables within tables merged likewise."""
    result = dict(first)
    for name, value in second.items():
        both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
        result[name] = merged(result[name], value) if both and name not in _WHOLE else value
    return result


def seeded(name: str, seed: int) -> str:
    """The name of a run that is made again with another seed."""
    return f"{name}@{seed}"


def _with_seeds(own: Mapping[str, Any]) -> list[dict[str, Any]]:
    others = [
        merged(
            own,
            {
                "name": seeded(own["name"], seed),
                "title": f"{own['title']}, seed {seed}",
                "train": {"seed": seed},
            },
        )
        for seed in own.get("seeds", ())
    ]
    return [dict(own), *others]


def _run(values: Mapping[str, Any]) -> Run:
    unknown = sorted(set(values) - {"name", "title", "seeds", *_SETTINGS})
    if unknown:
        raise ConfigError(f"Expected settings of a run among {', '.join(_SETTINGS)}. Received: {unknown[0]}.")
    subjects = values.get("subjects")
    return Run(
        name=values["name"],
        title=values["title"],
        pairs=PairsConfig.from_json(values.get("prepare", {})),
        training=TrainConfig.from_dict(values.get("train", {})),
        subjects=None if subjects is None else tuple(subjects),
        evaluate={
            name: tuple(v) if isinstance(v, list) else v for name, v in values.get("evaluate", {}).items()
        },
    )
