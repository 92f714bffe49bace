"""The plain way to the same records: NumPy, slice after slice, and `TFRecordWriter`. Run by prepare.py.

Command: python benchmarks/plain_prepare.py SCANS OUTPUT.tfrecord.gz --share 0/2
Two of these at a time, each with half of the scans, take two cores. What the records hold, how they are
packed and where patches are cut is the same for torch_prepare.py, which differs in the transforms alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

HR, LR, HR_PATCH, LR_PATCH, PAIRS_PER_SLICE, SIGMA_MAX = 128, 64, 32, 16, 40, 0.08
HEAD, HEAD_FRACTION = 0.1, 0.25
# "default" is what a writer does that is told the level alone.
STRATEGIES = {"default": 0, "huffman": 2}

Image = NDArray[np.float32]


def resize(image: Image, side: int) -> Image:
    """F^-1 D F with constants kept; magnitude."""
    first = [size // 2 - side // 2 for size in image.shape]
    kspace = np.fft.fftshift(np.fft.fft2(image))
    kept = kspace[first[0] : first[0] + side, first[1] : first[1] + side]
    return np.abs(np.fft.ifft2(np.fft.ifftshift(kept))) * np.float32(side**2 / image.size)


def degrade(hr: Image, sigma: float, rng: np.random.Generator) -> Image:
    """One low-field image float32 [64, 64] of one HR slice float32 [128, 128]."""
    noise = rng.standard_normal((LR, LR, 2), np.float32).view(np.complex64)[..., 0]
    kspace = np.fft.fftshift(np.fft.fft2(hr, norm="ortho"))[32:96, 32:96] / 2
    return np.abs(np.fft.ifft2(np.fft.ifftshift(kspace + np.float32(sigma) * noise), norm="ortho"))


def patch_corners(hr: Image, rng: np.random.Generator) -> NDArray[np.int64]:
    """LR corners [40, 2] of different patches with a quarter of head."""
    head = np.pad(hr > HEAD, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    side = HR_PATCH
    count = head[side:, side:] - head[:-side, side:] - head[side:, :-side] + head[:-side, :-side]
    usable = np.argwhere(count[::2, ::2] >= HEAD_FRACTION * side**2)
    return usable[rng.permutation(len(usable))[:PAIRS_PER_SLICE]]


def voxels(path: Path) -> Image:
    """A scan as slices [n, H, W], square already."""
    return np.moveaxis(np.asarray(nib.load(path).dataobj, np.float32), 2, 0)


def records(hr: Image, lr: Image, sigma: float, slice_number: int, name: str, seed: int) -> Iterator[bytes]:
    """The 40 serialised pairs of one slice, with the features of lfsr_tf."""
    hr, lr = hr.astype(np.float16), lr.astype(np.float16)
    for y, x in patch_corners(hr, np.random.default_rng([seed, slice_number])):
        small = lr[y : y + LR_PATCH, x : x + LR_PATCH]
        large = hr[2 * y : 2 * y + HR_PATCH, 2 * x : 2 * x + HR_PATCH]
        numbers = {"slice": [slice_number], "copy": [0], "key": [slice_number], "patch": [y, x]}
        numbers |= {"lr_shape": [LR_PATCH] * 2, "hr_shape": [HR_PATCH] * 2}
        yield _example(small, large, sigma, (name, "T1w", name), numbers)


def _example(
    lr: NDArray[np.float16],
    hr: NDArray[np.float16],
    sigma: float,
    names: tuple[str, str, str],
    numbers: dict[str, list[int]],
) -> bytes:
    """As TensorFlow's guide to TFRecord has it."""

    def text(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    features = {
        "lr": text(lr.tobytes()),
        "hr": text(hr.tobytes()),
        "sigma": tf.train.Feature(float_list=tf.train.FloatList(value=[sigma])),
        "reference": tf.train.Feature(float_list=tf.train.FloatList(value=[1.0])),
    }
    words = zip(("subject", "contrast", "scan"), names, strict=True)
    features |= {key: text(name.encode()) for key, name in words}
    for key, value in numbers.items():
        features[key] = tf.train.Feature(int64_list=tf.train.Int64List(value=value))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def write(output: Path, serialised: Iterator[bytes], strategy: str) -> None:
    """One gzipped file of records, at lfsr_tf's level."""
    options = tf.io.TFRecordOptions("GZIP", compression_level=1, compression_strategy=STRATEGIES[strategy])
    with tf.io.TFRecordWriter(str(output), options) as writer:
        for record in serialised:
            writer.write(record)


def plain_records(scans: list[Path]) -> Iterator[bytes]:
    """All pairs of some scans."""
    for seed, path in enumerate(scans):
        rng = np.random.default_rng(seed)
        slices = [resize(image, HR) for image in voxels(path)]
        reference = np.percentile(np.stack([resize(image, LR) for image in slices]), 99.9)
        for number, image in enumerate(slices):
            hr, sigma = image / np.float32(reference), rng.uniform(0, SIGMA_MAX)
            yield from records(hr, degrade(hr, sigma, rng), sigma, number, path.name, seed)


def arguments_and_scans() -> tuple[argparse.Namespace, list[Path]]:
    """The command line of both plain versions, and this program's share of the scans."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scans", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--share", default="0/1", help="0/2 and 1/2: every second scan")
    parser.add_argument("--strategy", choices=STRATEGIES, default="default")
    parser.add_argument("--loader-workers", type=int, default=0, help="of torch_prepare.py alone")
    arguments = parser.parse_args()
    first, every = map(int, arguments.share.split("/"))
    return arguments, sorted(arguments.scans.iterdir())[first::every]


def main() -> None:
    arguments, scans = arguments_and_scans()
    write(arguments.output, plain_records(scans), arguments.strategy)


if __name__ == "__main__":
    main()
