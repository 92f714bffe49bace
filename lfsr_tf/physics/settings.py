"""The settings of a simulated acquisition, apart from the physics: reading them needs no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lfsr_tf.errors import ConfigError
from lfsr_tf.settings import check_choice, check_range, check_types

APODISATION_WINDOWS = ("tukey", "hamming", "fermi")
ECHO_ORDERS = ("linear", "centric")
# What is made of complex samples: the part in phase with their low frequencies, or magnitudes.
RawImage = Literal["magnitude", "in_phase"]
# Whether a network is shown an image at the sample positions between its own, too (`physics.views`).
Views = Literal["all", "one"]
# Of the way from the centre of k-space to its rim: where low frequencies have a weight of 1/e. That leaves
# details of 4 pixels and more of a 64 x 64 block to the phase; the simulated phase is far smoother.
PHASE_WIDTH = 0.5


@dataclass(frozen=True)
class AcquisitionConfig:
    """What the simulated scanner does to a high-field slice.

    The defaults are the paper's, but for the range of noise, which the paper does not state.

    Attributes:
        sigma_min: Smallest noise level, in units of the volume's 99.9th percentile.
        sigma_max: Largest noise level. Real 0.055 T scans have 0.018 to 0.052.
        phase: Give the object a smooth random phase.
        elliptical: Sample only the ellipse that the k-space matrix circumscribes.
        apodisation: Strength of a filter that damps the rim of k-space, 0 (none) to 1.
        apodisation_window: "tukey", "hamming" or "fermi".
        t2_decay: Length of the echo train in units of T2; 0 means no decay along the phase encoding, axis W,
            which is the second in-plane voxel axis. The weight is 1 at the centre of k-space, so the contrast
            stays; echoes before that one weigh more.
        echo_order: "linear" or "centric": the order in which the train runs through the phase-encoding steps.
        bias_field: Largest relative deviation of a smooth receive-coil shading, 0 (none) to below 1.
    """

    sigma_min: float = 0.0
    sigma_max: float = 0.08
    phase: bool = False
    elliptical: bool = False
    apodisation: float = 0.0
    apodisation_window: str = "tukey"
    t2_decay: float = 0.0
    echo_order: str = "linear"
    bias_field: float = 0.0

    def __post_init__(self) -> None:
        """Check types and ranges.

        Raises:
            ConfigError: A value is of another type or out of its range.
        """
        check_types(self)
        if not 0.0 <= self.sigma_min <= self.sigma_max < 1.0:
            raise ConfigError(
                f"Expected 0 <= sigma_min <= sigma_max < 1. Received: {self.sigma_min} and {self.sigma_max}."
            )
        for name, most in (("apodisation", 1), ("t2_decay", 10), ("bias_field", 0.99)):
            check_range(self, name, least=0, most=most)
        check_choice(self, "apodisation_window", APODISATION_WINDOWS)
        check_choice(self, "echo_order", ECHO_ORDERS)
