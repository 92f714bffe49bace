"""The card of a model: what it is, what it learnt from, how good it is and where it fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lfsr_tf.errors import ModelError
from lfsr_tf.model_info import ModelInfo, info_from_json
from lfsr_tf.settings import check_types, refusal

NOT_A_DEVICE = "Not a medical device. For research; its images are not for diagnosis."


@dataclass(frozen=True)
class ModelCard:
    """What is known of a shipped model.

    Attributes:
        info: Network, settings, training range of noise and spacing, training metrics.
        summary: What it is for, in a sentence.
        sha256: Of the file of weights, in hexadecimal.
        parameters: Number of trained weights.
        multiply_adds: Of one LR slice of 64 x 64.
        training: How it was trained, in a sentence or two.
        data: What it was trained and judged on, with credit and licence, one entry a source.
        results: Figures on the validation subjects, one entry for each noise level: `sigma`, `psnr`, `ssim`
            and those of zero-filling, inside the head mask.
        known_failures: What it is known to get wrong.
    """

    info: ModelInfo
    summary: str
    sha256: str
    parameters: int
    multiply_adds: int
    training: str
    data: tuple[str, ...]
    results: tuple[Mapping[str, float], ...]
    known_failures: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads."""
        return {**dataclasses.asdict(self), "notice": NOT_A_DEVICE}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelCard:
        """Read a card.

        Raises:
            ModelError: Something is missing, unknown or of another type.
        """
        try:
            own = {name: value for name, value in dict(values).items() if name not in ("info", "notice")}
            card = cls(info=info_from_json(values["info"]), **{**own, "results": tuple(own["results"])})
            check_types(card)
            if not all(isinstance(result, Mapping) for result in card.results):
                raise refusal("results", "a list of tables of figures", own["results"])
            return card
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"Expected a model card. Received: one that lacks or adds something ({error})."
            ) from error
