"""Enhancing a scan: cut, normalise, network, back to the scan's unit, and what is known of the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.errors import ConfigError, ScanError
from lfsr_tf.inference.air import air_level, with_air_at
from lfsr_tf.inference.cautions import (
    air_warnings,
    consistency_warnings,
    matrix_warnings,
    noise_warnings,
    spacing_warnings,
)
from lfsr_tf.inference.config import EnhanceConfig
from lfsr_tf.inference.consistency import Ring, consistency_by_ring
from lfsr_tf.inference.error_map import check_calibrated, expected_error, spread_views
from lfsr_tf.inference.network import Images, RunningNetwork, run_here
from lfsr_tf.inference.network_input import NetworkInput, network_input
from lfsr_tf.inference.predict import Advance, SlicePredictor
from lfsr_tf.inference.sidecar import ModelReport, NoiseReport, Sidecar, SpacingReport
from lfsr_tf.model_info import within
from lfsr_tf.networks import TrainedModel, as_trained
from lfsr_tf.networks.recast import recast
from lfsr_tf.physics.intensity import reference_intensity, safe_reference
from lfsr_tf.physics.noise import TYPICAL_NOISE_LEVEL, NoiseEstimate
from lfsr_tf.physics.spread import result_and_variance
from lfsr_tf.physics.views import Offset
from lfsr_tf.scans.checks import check_scan
from lfsr_tf.scans.scan import Scan


@dataclass(frozen=True)
class Enhanced:
    """An enhanced scan and what is known of it.

    Attributes:
        scan: The same field of view at the place of the input, voxels in its unit.
        sidecar: Origin, noise, spacing, consistency and warnings.
        error: The expected root mean square error around each voxel, in the scan's unit; None where it was
            not asked for.
    """

    scan: Scan
    sidecar: Sidecar
    error: Scan | None = None


class Enhancer:
    """A model made ready for many scans; `enhance_scan` is the same for one."""

    def __init__(
        self, model: TrainedModel | keras.Model | RunningNetwork, config: EnhanceConfig | None = None
    ) -> None:
        """Take a model.

        Args:
            model: From `load_model`; a Keras model of one's own; or a network that runs already, here or
                behind a server.
            config: Settings; the defaults without it.

        Raises:
            ModelError: The network does not take single-channel images of any size, or has a layer whose
                reach is not known.
            ConfigError: The dtype is unknown or cannot be chosen, or a noise level is given for a network
                that takes none.
        """
        self.config = config or EnhanceConfig()
        self.network = _running(model, self.config.dtype)
        self._predict = SlicePredictor(self.network, pixel_budget=self.config.pixel_budget)
        if self.config.noise_level is not None and not self.network.traits.takes_noise_level:
            raise ConfigError(
                f"Expected a network that takes a noise level. Received: {self.network.info.name}, which "
                "finds it in the image. Leave the noise level out."
            )
        if self.config.error_map:
            check_calibrated(self.network.info)

    def __call__(self, scan: Scan, advance: Advance | None = None) -> Enhanced:
        """Enhance one volume.

        Args:
            scan: Slices of any size and plane, any unit.
            advance: Told the number of slices that were finished.

        Returns:
            The enhanced scan with its sidecar.

        Raises:
            ConfigError: The acquired matrix does not fit the scan, the pixel budget is too small, or the part
                in phase was asked for and there is no k-space.
            ScanError: The result is not finite, or slices of the chosen plane are too small.
            OutOfMemoryError: The device has not enough memory for the pixel budget.
        """
        if self.config.plane is not None:
            scan = scan.cut_along(self.config.plane)
            check_scan(scan, scan.source or "the scan")
        air = air_level(scan)
        scan = with_air_at(scan, air or 0.0)
        config, scale = self.config, self.network.traits.scale
        lr = network_input(scan, config.acquired_matrix, config.image, scale=scale, views=config.views)
        reference = volume_reference(lr.scan.slices())
        told = self._told(lr.noise, reference)
        normalised = {offset: slices / np.float32(reference) for offset, slices in lr.views.items()}
        measured = told if lr.noise.sigma is None else lr.noise.sigma / reference
        result, error = self._enlarged(normalised, advance, told, measured)
        if not np.isfinite(result).all():
            raise ScanError("Expected a finite result. Received: NaN or infinite voxels. Check the model.")
        enhanced = lr.scan.with_slices(result * np.float32(reference))
        sidecar = self._describe(scan, lr, enhanced, reference, air)
        map_of_error = None if error is None else lr.scan.with_slices(error * np.float32(reference))
        return Enhanced(with_air_at(enhanced, -sidecar.offset), sidecar, map_of_error)

    def _enlarged(
        self, views: Mapping[Offset, Images], advance: Advance | None, told: float, measured: float
    ) -> tuple[Images, Images | None]:
        """The result, and the expected error where it is wanted, in units of the reference intensity.

        Args:
            views: Normalised slices by offset.
            advance: As of `__call__`.
            told: The noise level for the network.
            measured: That of the slices.
        """
        known = self.network.info.expected_error
        if not self.config.error_map or known is None:
            return self._predict(views, advance, noise_level=told), None
        scale = self.network.traits.scale
        origin, shown = spread_views(views, scale)
        reduce = partial(result_and_variance, averaged=views.keys(), scale=scale)
        both = self._predict(shown, advance, noise_level=told, reduce=reduce)
        return both[:, 0], expected_error(both[:, 1], measured, known[origin])

    def _told(self, noise: NoiseEstimate, reference: float) -> float:
        """The noise level for the network: the user's, the measured one, or a typical one."""
        if self.config.noise_level is not None:
            return self.config.noise_level
        return TYPICAL_NOISE_LEVEL if noise.sigma is None else noise.sigma / reference

    def _describe(
        self, scan: Scan, lr: NetworkInput, enhanced: Scan, reference: float, air: float | None
    ) -> Sidecar:
        noise_report = self._noise_report(lr.noise, reference, scan.coils)
        spacing = self._spacing_report(scan, lr.scan, enhanced)
        rings = _consistency(scan, lr, enhanced)
        return Sidecar(
            model=self.model,
            contrast=scan.contrast,
            image=lr.image,
            offset=air or 0.0,
            reference_intensity=reference,
            noise=noise_report,
            spacing=spacing,
            matrix=lr.matrix,
            spectrum=lr.spectrum,
            consistency=rings,
            views=len(lr.views),
            tiles=len(self._predict.tiles(*lr.matrix.used)),
            warnings=(
                *scan.notes,
                *air_warnings(air),
                *matrix_warnings(lr.matrix, lr.spectrum),
                *noise_warnings(noise_report),
                *spacing_warnings(spacing),
                *consistency_warnings(rings),
            ),
        )

    @property
    def model(self) -> ModelReport:
        """What sidecars say of the model."""
        info = self.network.info
        return ModelReport(info.name, info.version, info.network, info.scale, info.dtype_policy)

    def _noise_report(self, noise: NoiseEstimate, reference: float, coils: int) -> NoiseReport:
        relative = None if noise.sigma is None else noise.sigma / reference
        limits = self.network.info.sigma_range
        inside = within(None if relative is None else (relative,), limits)
        told = self._told(noise, reference) if self.network.traits.takes_noise_level else None
        found = noise.sigma, relative, noise.method, noise.reason
        return NoiseReport(*found, coils, float(noise.coils), told, limits, inside)

    def _spacing_report(self, scan: Scan, lr: Scan, enhanced: Scan) -> SpacingReport:
        limits = self.network.info.spacing_range_mm
        return SpacingReport(
            file=scan.in_plane_spacing,
            network_input=lr.in_plane_spacing,
            output=enhanced.in_plane_spacing,
            training_range=limits,
            in_training_range=within(lr.in_plane_spacing, limits),
        )


def enhance_scan(
    scan: Scan,
    trained: TrainedModel | keras.Model,
    config: EnhanceConfig | None = None,
    advance: Advance | None = None,
) -> Enhanced:
    """Enhance one volume; for many, make one `Enhancer`, which prepares the network once.

    Args:
        scan: Slices of any size and plane, any unit.
        trained: From `load_model`; or a Keras model of one's own.
        config: Settings; the defaults without it.
        advance: Told the number of slices that were finished.

    Returns:
        The enhanced scan, in the place and unit of the input, with its sidecar.

    Raises:
        ConfigError: The acquired matrix does not fit the scan, the pixel budget is too small, or the part in
            phase was asked for and there is no k-space.
        ModelError: The network does not take single-channel images of any size, or has a layer whose reach is
            not known.
        ScanError: The result is not finite, or slices of the chosen plane are too small.
        OutOfMemoryError: The device has not enough memory for the pixel budget.
    """
    return Enhancer(trained, config)(scan, advance)


def _running(model: TrainedModel | keras.Model | RunningNetwork, dtype: str) -> RunningNetwork:
    if not isinstance(model, RunningNetwork):
        return run_here(recast(as_trained(model), dtype))
    if dtype not in ("auto", model.info.dtype_policy):
        raise ConfigError(
            f"Expected no dtype for a network that runs already, in {model.info.dtype_policy}. Received: "
            f"{dtype}. Leave it out."
        )
    return model


def _consistency(scan: Scan, lr: NetworkInput, enhanced: Scan) -> tuple[Ring, ...]:
    compared = lr.scan.slices(), enhanced.slices(), lr.noise.sigma
    return consistency_by_ring(*compared, image=lr.image, coils=lr.noise.coils, signed=scan.signed)


def volume_reference(slices: NDArray[np.float32]) -> float:
    """The volume's reference intensity; 1 for an empty one."""
    return float(safe_reference(reference_intensity(tf.constant(np.ascontiguousarray(slices)))))
