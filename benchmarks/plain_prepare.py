"""The plain way to the same records: NumPy, slice after slice, and `TFRecordWriter`. Run by prepare.py.

Command: python benchmarks/plain_prepare.py SCANS OUTPUT --pairs-per-slice 40 --slices 500
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
import tensorflow as tf

HR, LR, HR_PATCH, LR_PATCH = 128, 64, 32, 16


def crop(image: np.ndarray, side: int) -> np.ndarray:
    """F^-1 D F with constants kept; complex."""
    first = [size // 2 - side // 2 for size in image.shape]
    kspace = np.fft.fftshift(np.fft.fft2(image))
    kept = kspace[first[0] : first[0] + side, first[1] : first[1] + side]
    return np.fft.ifft2(np.fft.ifftshift(kept)) * side**2 / image.size


def degrade(hr: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """One low-field image [64, 64] of one HR slice [128, 128]."""
    noise = rng.standard_normal((LR, LR)) + 1j * rng.standard_normal((LR, LR))
    kspace = np.fft.fftshift(np.fft.fft2(hr, norm="ortho"))[32:96, 32:96] / 2
    return np.abs(np.fft.ifft2(np.fft.ifftshift(kspace + sigma * noise), norm="ortho"))


def patch_corners(hr: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """LR corners of `count` different patches with a quarter of head."""
    windows = np.lib.stride_tricks.sliding_window_view(hr > 0.1, (HR_PATCH, HR_PATCH))[::2, ::2]
    usable = np.argwhere(windows.mean(axis=(2, 3)) >= 0.25)
    return usable[rng.permutation(len(usable))[:count]]


def example(
    lr: np.ndarray, hr: np.ndarray, sigma: float, names: list[str], numbers: dict[str, list[int]]
) -> bytes:
    """One serialised record with the features of lfsr_tf."""

    def text(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    features = {
        "lr": text(lr.astype(np.float16).tobytes()),
        "hr": text(hr.astype(np.float16).tobytes()),
        "sigma": tf.train.Feature(float_list=tf.train.FloatList(value=[sigma])),
        "reference": tf.train.Feature(float_list=tf.train.FloatList(value=[1.0])),
    }
    features |= {
        key: text(name.encode()) for key, name in zip(("subject", "contrast", "scan"), names, strict=True)
    }
    for key, value in numbers.items():
        features[key] = tf.train.Feature(int64_list=tf.train.Int64List(value=value))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def hr_slices(path: Path) -> np.ndarray:
    """Normalised HR slices [n, 128, 128] of one scan, which is square already."""
    volume = np.asarray(nib.load(path).dataobj, np.float32)
    slices = np.stack([np.abs(crop(volume[..., number], HR)) for number in range(volume.shape[2])])
    low = np.stack([np.abs(crop(image, LR)) for image in slices])
    return slices / np.percentile(low, 99.9)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scans", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--pairs-per-slice", type=int, required=True)
    parser.add_argument("--slices", type=int, required=True)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
    left = arguments.slices
    with tf.io.TFRecordWriter(str(arguments.output), options) as writer:
        for path in sorted(arguments.scans.glob("*.nii.gz")):
            for number, hr in enumerate(hr_slices(path)[:left]):
                sigma = rng.uniform(0, 0.08)
                lr = degrade(hr, sigma, rng)
                for y, x in patch_corners(hr, arguments.pairs_per_slice, rng):
                    small = lr[y : y + LR_PATCH, x : x + LR_PATCH]
                    large = hr[2 * y : 2 * y + HR_PATCH, 2 * x : 2 * x + HR_PATCH]
                    numbers = {"slice": [number], "copy": [0], "key": [number], "patch": [y, x]}
                    numbers |= {"lr_shape": [LR_PATCH] * 2, "hr_shape": [HR_PATCH] * 2}
                    writer.write(example(small, large, sigma, [path.name, "T1w", path.name], numbers))
                left -= 1
            if left <= 0:
                return


if __name__ == "__main__":
    main()
