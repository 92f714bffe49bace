"""The settings of an enhancement: the one place where its defaults stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from lfsr_tf.errors import ConfigError
from lfsr_tf.inference.matrix import MatrixRequest, parse_matrix_request
from lfsr_tf.physics.settings import RawImage, Views
from lfsr_tf.scans.geometry import Plane
from lfsr_tf.settings import check_choice, check_range, check_types


@dataclass(frozen=True)
class EnhanceConfig:
    """How scans are enhanced.

    Attributes:
        acquired_matrix: The matrix that scans are cut to before the network: (h, w) along the in-plane
            axes; "header": what the file says; "spectrum": what the spectrum shows where the file says
            nothing; "full": no cut.
        pixel_budget: Most LR pixels that the network is given at once. It bounds the memory; larger slices
            are cut into tiles. None: what is right for the network (`networks.footprint`).
        dtype: Keras dtype policy to compute in; "auto": the one that the model is meant for, or float32 where
            that is bfloat16 and the processor would have to emulate it.
        noise_level: What a network with a noise-level input is told: sigma of one channel over the volume's
            99.9th percentile. Less than is there keeps more noise and more detail. None: what is measured, or
            `TYPICAL_NOISE_LEVEL` where nothing can be.
        image: What of the scan is enhanced: its "magnitude", or its part "in_phase" (`physics.phase`), which
            needs raw k-space. None: the part in phase where there is k-space.
        error_map: Whether the expected error of each voxel is told, too: from how much the results of all
            views differ (`error_model`), which takes scale^2 times the work of any scan.
        plane: "axial", "coronal" or "sagittal": slices of this plane are enhanced. None: the acquired ones.
        views: "all": where the image is known between its samples, too (raw k-space, or a magnitude cut to
            half of its matrix or less), it is enhanced from the sample positions of every HR pixel, and the
            results are averaged (`physics.views`): up to scale^2 times the work. "one": from its own samples.
    """

    acquired_matrix: MatrixRequest = "header"
    pixel_budget: int | None = None
    dtype: str = "auto"
    noise_level: float | None = None
    image: RawImage | None = None
    plane: Plane | None = None
    views: Views = "all"
    error_map: bool = False

    def __post_init__(self) -> None:
        """Check the settings, and take the matrix as the command line or JSON has it, too.

        Raises:
            ConfigError: One of them is of another type or out of its range, or there is no such image,
                matrix or plane.
        """
        check_types(self)
        object.__setattr__(self, "acquired_matrix", parse_matrix_request(self.acquired_matrix))
        check_choice(self, "image", (None, *get_args(RawImage)))
        check_choice(self, "plane", (None, *get_args(Plane)))
        check_choice(self, "views", get_args(Views))
        if self.noise_level is not None and not 0.0 <= self.noise_level < 1.0:
            raise ConfigError(
                "Expected a noise level in [0, 1), a fraction of the 99.9th percentile. "
                f"Received: {self.noise_level}."
            )
        check_range(self, "pixel_budget", least=1)

    def recorded(self) -> dict[str, object]:
        """The settings that a sidecar tells, as JSON has them: all but those of how it is computed."""
        matrix = self.acquired_matrix
        return {
            "acquired_matrix": list(matrix) if isinstance(matrix, tuple) else matrix,
            "noise_level": self.noise_level,
            "image": self.image,
            "plane": self.plane,
            "views": self.views,
            "error_map": self.error_map,
        }
