"""Pictures of the report as PNG: a figure's panels at one window, its error maps at another."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lfsr_tf.evaluation.once import once
from lfsr_tf.evaluation.results import Picture

WINDOW_PERCENTILE = 99.8
# Errors are shown brighter than the image, by this factor.
ERROR_GAIN = 4.0
_ERROR_COLOURS = "inferno"


@dataclass(frozen=True)
class Panel:
    """One picture of a figure.

    Attributes:
        key: Name of the panel: "lr", "hr", a method, or "error-" and a method.
        png: The encoded picture, one pixel a sample.
    """

    key: str
    png: bytes

    @property
    def data_uri(self) -> str:
        """The picture as a URI that stands in the page itself."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def picture_name(picture: Picture) -> str:
    """A file name stem: contrast, noise level and slice."""
    contrast = "".join(letter if letter.isalnum() else "-" for letter in picture.contrast)
    return f"{contrast}_sigma{picture.sigma:g}_slice{picture.slice_index}"


def window_top(picture: Picture) -> float:
    """The value shown as white in every panel of a figure; 0 is black."""
    return max(float(np.percentile(picture.hr, WINDOW_PERCENTILE)), float(np.finfo(np.float32).tiny))


# The page and the folder of pictures hold the same ones.
@once
def panels(picture: Picture) -> tuple[Panel, ...]:
    """All panels of one slice: LR, each method, HR, then each method's absolute error."""
    top = window_top(picture)
    images = {"lr": picture.lr, **picture.outputs, "hr": picture.hr}
    shown = [Panel(key, _grey_png(image / top)) for key, image in images.items()]
    errors = [
        Panel(f"error-{method}", _error_png(np.abs(image - picture.hr) * ERROR_GAIN / top))
        for method, image in picture.outputs.items()
    ]
    return (*shown, *errors)


def write_pictures(pictures: tuple[Picture, ...], folder: Path) -> None:
    """Write every panel of every picture as `<contrast>_sigma<level>_slice<number>_<panel>.png`.

    Args:
        pictures: What `evaluate` kept.
        folder: Created if it does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        for panel in panels(picture):
            (folder / f"{picture_name(picture)}_{panel.key}.png").write_bytes(panel.png)


def _grey_png(image: NDArray[np.float32]) -> bytes:
    return _png(Image.fromarray(_to_bytes(image)))


def _error_png(image: NDArray[np.float32]) -> bytes:
    indexed = Image.fromarray(_to_bytes(image), mode="P")
    palette = matplotlib.colormaps[_ERROR_COLOURS](np.arange(256), bytes=True)[:, :3]
    indexed.putpalette(palette.tobytes())
    return _png(indexed)


def _to_bytes(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.round(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
