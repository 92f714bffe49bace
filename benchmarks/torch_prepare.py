"""The same records by PyTorch, in the style of fastMRI's transforms on complex tensors. Run by prepare.py.

Command: python benchmarks/torch_prepare.py SCANS OUTPUT.tfrecord.gz --share 0/2 --loader-workers 0
where both PyTorch and TensorFlow are: the records go through the same `TFRecordWriter` as elsewhere.

fastMRI keeps complex images as real tensors with an axis of two at the end, and so does this: centred
orthonormal transforms, a centre crop of k-space, the magnitude, in a `Dataset` behind a `DataLoader`. An item
is a scan and not a slice: a gzipped NIfTI file would have to be unpacked anew for every slice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from plain_prepare import HR, LR, SIGMA_MAX, arguments_and_scans, records, voxels, write
from torch.utils.data import DataLoader, Dataset

_HW, _COMPLEX = (-2, -1), (-3, -2)
# Slices that are transformed at once: four stay in the cache and are faster than one or a whole scan.
BATCH = 4


class LowField(NamedTuple):
    """The slices of a scan: HR [n, 128, 128], LR [n, 64, 64], sigma [n], and the scan's name and number."""

    hr: torch.Tensor
    lr: torch.Tensor
    sigma: torch.Tensor
    name: str
    number: int


def fft2c(image: torch.Tensor) -> torch.Tensor:
    """Centred orthonormal transform of [..., H, W, 2]."""
    origin_first = torch.fft.ifftshift(torch.view_as_complex(image), _HW)
    kspace = torch.fft.fft2(origin_first, norm="ortho")
    return torch.view_as_real(torch.fft.fftshift(kspace, _HW))


def ifft2c(kspace: torch.Tensor) -> torch.Tensor:
    """Its inverse."""
    origin_first = torch.fft.ifftshift(torch.view_as_complex(kspace), _HW)
    image = torch.fft.ifft2(origin_first, norm="ortho")
    return torch.view_as_real(torch.fft.fftshift(image, _HW))


def to_complex(image: torch.Tensor) -> torch.Tensor:
    """A real image [..., H, W] with a zero imaginary part [..., H, W, 2]."""
    return torch.stack((image, torch.zeros_like(image)), -1)


def complex_center_crop(kspace: torch.Tensor, side: int) -> torch.Tensor:
    """The central block of [..., H, W, 2]."""
    first = [kspace.shape[axis] // 2 - side // 2 for axis in _COMPLEX]
    return kspace[..., first[0] : first[0] + side, first[1] : first[1] + side, :]


def complex_abs(image: torch.Tensor) -> torch.Tensor:
    """Magnitude of [..., 2]."""
    return (image**2).sum(-1).sqrt()


def resize(images: torch.Tensor, side: int) -> torch.Tensor:
    """F^-1 D F with constants kept; magnitude [n, side, side]."""
    kept = complex_center_crop(fft2c(to_complex(images)), side)
    return complex_abs(ifft2c(kept)) * (side / images.shape[-1])


def degrade(hr: torch.Tensor, sigma: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Low-field images [n, 64, 64] of HR slices [n, 128, 128], each at a noise level of its own."""
    kspace = complex_center_crop(fft2c(to_complex(hr)), LR) * (LR / HR)
    noise = torch.randn(kspace.shape, generator=generator)
    return complex_abs(ifft2c(kspace + sigma[:, None, None, None] * noise))


class LowFieldScans(Dataset[LowField]):
    """Scans as HR and simulated LR slices."""

    def __init__(self, scans: Sequence[Path]) -> None:
        self._scans = scans

    def __len__(self) -> int:
        return len(self._scans)

    @torch.inference_mode()
    def __getitem__(self, number: int) -> LowField:
        torch.set_num_threads(1)
        path, generator = self._scans[number], torch.Generator().manual_seed(number)
        stack = torch.from_numpy(np.ascontiguousarray(voxels(path)))
        slices = torch.cat([resize(part, HR) for part in stack.split(BATCH)])
        low = torch.cat([resize(part, LR) for part in slices.split(BATCH)])
        hr = slices / float(np.percentile(low.numpy(), 99.9))
        sigma = SIGMA_MAX * torch.rand(len(hr), generator=generator)
        parts = zip(hr.split(BATCH), sigma.split(BATCH), strict=True)
        lr = torch.cat([degrade(part, level, generator) for part, level in parts])
        return LowField(hr, lr, sigma, path.name, number)


def torch_records(scans: list[Path], loader_workers: int) -> Iterator[bytes]:
    """All pairs of some scans."""
    for scan in DataLoader(LowFieldScans(scans), batch_size=None, num_workers=loader_workers):
        slices = zip(scan.hr.numpy(), scan.lr.numpy(), scan.sigma.tolist(), strict=True)
        for number, (hr, lr, sigma) in enumerate(slices):
            yield from records(hr, lr, sigma, number, scan.name, scan.number)


def main() -> None:
    arguments, scans = arguments_and_scans()
    write(arguments.output, torch_records(scans, arguments.loader_workers), arguments.strategy)


if __name__ == "__main__":
    main()
