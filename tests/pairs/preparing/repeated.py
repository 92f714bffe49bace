"""Repetitions of one object for tests: k-space of known signal and noise under M4Raw's names."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lfsr_tf.pairs import PairsConfig
from lfsr_tf.pairs.preparing.listing import Listed, hash_scan, repetitions_of
from lfsr_tf.pairs.preparing.repetitions import read_repetitions
from lfsr_tf.pairs.preparing.sources import Source
from tests.pairs.conftest import Writer, head_volume

CONFIG = PairsConfig(pairing="repetitions", hr_size=32, lr_patch=8, patches_per_slice=6)
SIGMA = 12.0


def coils_of(seed: int = 1, side: int = 64, slices: int = 4) -> np.ndarray:
    """Noise-free coil images [slices, 4, side, side] of a head, with the phase and shading of four coils."""
    head = np.moveaxis(head_volume(seed, (side, side, slices)), -1, 0)[:, None]
    rows, columns = np.meshgrid(*[np.linspace(-1, 1, side)] * 2, indexing="ij")
    gains = [np.exp(1j * (coil + rows)) * (1 + 0.3 * np.cos(coil + columns)) for coil in range(4)]
    return head * np.stack(gains)


def to_kspace(images: np.ndarray) -> np.ndarray:
    """NumPy's centred, orthonormal transform."""
    axes = (-2, -1)
    kspace = np.fft.fft2(np.fft.ifftshift(images, axes=axes), norm="ortho")
    return np.fft.fftshift(kspace, axes=axes).astype(np.complex64)


def to_images(kspace: np.ndarray) -> np.ndarray:
    axes = (-2, -1)
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace, axes=axes), norm="ortho"), axes=axes)


def rss(coils: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(np.abs(coils)).sum(axis=1))


def noise(seed: int, shape: Sequence[int], sigma: float = SIGMA) -> np.ndarray:
    """Complex Gaussian k-space noise, sigma in each channel."""
    parts = np.random.default_rng(seed).normal(0, sigma, (2, *shape))
    return parts[0] + 1j * parts[1]


def centre(kspace: np.ndarray, side: int) -> np.ndarray:
    start = kspace.shape[-1] // 2 - side // 2
    return kspace[..., start : start + side, start : start + side]


def write_repetitions(write: Writer, count: int = 3, sigma: float = SIGMA, **names: str) -> list[Path]:
    """Repetitions that differ in their noise alone."""
    stem, seed = names.get("stem", "2022061003_T1"), int(names.get("seed", "1"))
    clean = to_kspace(coils_of(seed))
    noises = [noise(100 * seed + number, clean.shape, sigma) for number in range(count)]
    return [write(clean + extra, f"{stem}{number:02d}.h5") for number, extra in enumerate(noises, start=1)]


def read(paths: Sequence[Path]) -> list:
    return read_repetitions([str(path) for path in paths])


def source_of(paths: Sequence[Path]) -> Source:
    (listed,) = repetitions_of([Listed(path.name, str(path)) for path in paths])
    first, *others = map(Path, (listed.path, *listed.repetitions))
    return Source(**asdict(listed), sha256=hash_scan(first, others))
