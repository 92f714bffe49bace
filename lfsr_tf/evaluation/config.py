"""The settings of an evaluation: the one place where its defaults stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics.settings import AcquisitionConfig
from lfsr_tf.settings import check_choice, check_range, check_types, refusal

DataRange = Literal["volume", "slice"]
SigmaSource = Literal["known", "estimated"]

BASELINE_NAMES = ("zero-fill", "cubic", "nlm", "nlm-biased")


@dataclass(frozen=True)
class EvaluationConfig:
    """What is simulated, what is compared and how figures are defined.

    Attributes:
        sigmas: Noise levels, in units of the noise-free LR volume's 99.9th percentile.
        acquisition: What the simulated scanner does beyond the crop; its range of noise levels is not looked
            at, since `sigmas` has them.
        baselines: Names out of `BASELINE_NAMES`; "nlm-biased" is "nlm" without Rician bias removal.
        slices_per_volume: Slices of each volume, evenly spaced over those that show the head; 0 takes all.
        hr_size: Side of the HR slices in pixels.
        data_range: What PSNR and SSIM divide by: "volume" is the 99.9th percentile of the noise-free LR
            volume (the intensity unit), "slice" the brightest pixel of each HR slice.
        sigma_source: Whether the baselines, and a network that takes the noise level, are told sigma
            ("known"), or what the image background shows ("estimated").
        batch_size: Slices that the network sees at once.
        bootstrap_samples: Resamplings behind an interval.
        confidence: Coverage of the intervals.
        seed: Root of all noise and of the resampling.
    """

    sigmas: tuple[float, ...] = (0.0, 0.03, 0.06)
    acquisition: AcquisitionConfig = field(default_factory=AcquisitionConfig)
    baselines: tuple[str, ...] = ("zero-fill", "cubic", "nlm")
    slices_per_volume: int = 20
    hr_size: int = 128
    data_range: DataRange = "volume"
    sigma_source: SigmaSource = "known"
    batch_size: int = 8
    bootstrap_samples: int = 2000
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every setting.

        Raises:
            ConfigError: A value is of another type or out of its range, or a name is unknown.
        """
        check_types(self)
        for name in ("sigmas", "baselines"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise ConfigError(f"Expected one or more different {name}. Received: {values}.")
        if not all(0.0 <= sigma < 1.0 for sigma in self.sigmas):
            raise ConfigError(f"Expected every sigma in [0, 1). Received: {self.sigmas}.")
        if not isinstance(self.acquisition, AcquisitionConfig):
            raise refusal("acquisition", "an AcquisitionConfig", self.acquisition)
        for baseline in self.baselines:
            if baseline not in BASELINE_NAMES:
                raise refusal("baseline", f"one of {', '.join(BASELINE_NAMES)}", baseline)
        check_choice(self, "data_range", get_args(DataRange))
        check_choice(self, "sigma_source", get_args(SigmaSource))
        check_range(self, "slices_per_volume", "seed", least=0)
        check_range(self, "hr_size", least=16)
        check_range(self, "batch_size", least=1)
        check_range(self, "bootstrap_samples", least=100)
        if not 0.5 <= self.confidence < 1.0:
            raise ConfigError(f"Expected confidence in [0.5, 1). Received: {self.confidence}.")

    @property
    def coverage(self) -> str:
        """The confidence in words for captions, such as "95 %"."""
        return f"{100.0 * self.confidence:g} %"
