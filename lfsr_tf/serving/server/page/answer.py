"""What the page is told of an enhanced scan: pictures of every slice, facts for trusting it, and the file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.inference.cautions import LARGEST_CHI_SQUARE, spacing_warnings
from lfsr_tf.inference.enhance import Enhanced
from lfsr_tf.inference.sidecar import Sidecar
from lfsr_tf.scans import Scan, write_scan
from lfsr_tf.serving.server.page.orientation import hang
from lfsr_tf.serving.server.page.pictures import deep_png, grey_png
from lfsr_tf.serving.server.page.upload import Upload

Tone = Literal["good", "doubtful", "unknown"]


@dataclass(frozen=True)
class Fact:
    """One line of the page's "How far to trust it".

    Attributes:
        label: What it is about.
        value: What was found.
        tone: For the mark beside it.
        note: What that means.
    """

    label: str
    value: str
    tone: Tone
    note: str


def answer(upload: Upload, enhanced: Enhanced) -> dict[str, Any]:
    """The JSON document of the page, but for its encoding.

    Args:
        upload: What was enhanced.
        enhanced: The result.

    Returns:
        `model`, `version`, `network`; `warnings`, `facts`, `noise`, as in the sidecar; `slices`, and of each
        the pictures `lr` and `sr` as data URLs, 8-bit, from air (black) to `window` above it (white) in the
        scan's unit;
        `width` and `height` of `sr` in pixels, `aspect` of the field of view in millimetres, `edges`, the
        patient's sides at top, right, bottom and left, where they are known; and the `file` to download.
    """
    sidecar, picture = enhanced.sidecar, upload.white is not None
    before, after = hang(upload.scan), hang(enhanced.scan)
    window = sidecar.reference_intensity
    # A picture has no voxel size: what is said of the 1 mm that stand in for it would be noise.
    left_out = set(spacing_warnings(sidecar.spacing)) if picture else set()
    return {
        "model": sidecar.model.name,
        "version": sidecar.model.version,
        "network": sidecar.model.network,
        "warnings": [warning for warning in sidecar.warnings if warning not in left_out],
        "facts": [asdict(fact) for fact in _facts(sidecar, picture)],
        "noise": asdict(sidecar.noise),
        "slices": len(after.slices),
        "lr": _pictures(before.slices - sidecar.offset, window),
        "sr": _pictures(after.slices - sidecar.offset, window),
        "window": window,
        "width": after.slices.shape[2],
        "height": after.slices.shape[1],
        "aspect": after.aspect,
        "edges": after.edges if _has_sides(upload.scan) else None,
        "file": _file(upload, enhanced.scan),
    }


def _has_sides(scan: Scan) -> bool:
    """Whether the file says where the patient's sides are; all other formats have them assumed."""
    if scan.format == "nifti":
        return bool(int(scan.header["sform_code"]) or int(scan.header["qform_code"]))
    return scan.format == "dicom"


def _pictures(slices: NDArray[np.float32], white: float) -> list[str]:
    return [f"data:image/png;base64,{_text(grey_png(image, white))}" for image in slices]


def _file(upload: Upload, scan: Scan) -> dict[str, str]:
    if upload.white is not None:
        png = deep_png(scan.voxels[:, :, 0], upload.white)
        return {"name": f"{upload.stem}_sr.png", "type": "image/png", "base64": _text(png)}
    path = upload.folder / "result.nii.gz"
    write_scan(scan, path)
    name = f"{upload.stem}_sr.nii.gz"
    return {"name": name, "type": "application/gzip", "base64": _text(path.read_bytes())}


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _facts(sidecar: Sidecar, picture: bool) -> Iterator[Fact]:
    yield _size(sidecar, picture)
    yield _noise(sidecar)
    yield _agreement(sidecar)


def _size(sidecar: Sidecar, picture: bool) -> Fact:
    spacing, used = sidecar.spacing, sidecar.matrix.used
    scale = sidecar.model.scale
    if picture:
        # Of pictures the width is named first.
        used = used[::-1]
    pixels = f"{used[0]} × {used[1]} → {used[0] * scale} × {used[1] * scale}"
    if picture:
        return Fact("Pixels", pixels, "unknown", "The size of a picture's pixels is unknown.")
    value = f"{_millimetres(spacing.network_input)} → {_millimetres(spacing.output)} mm"
    known = spacing.training_range
    if known is None:
        return Fact("Voxels in plane", value, "unknown", f"{pixels} pixels.")
    trained = f"the {known[0]:.2f} to {known[1]:.2f} mm that the model learnt from"
    where = "Within" if spacing.in_training_range else "Outside"
    tone: Tone = "good" if spacing.in_training_range else "doubtful"
    return Fact("Voxels in plane", value, tone, f"{where} {trained}. {pixels} pixels.")


def _noise(sidecar: Sidecar) -> Fact:
    noise = sidecar.noise
    if noise.sigma_relative is None:
        return Fact("Noise", "not measurable", "unknown", f"{noise.reason[:1].upper()}{noise.reason[1:]}.")
    value = f"{100 * noise.sigma_relative:.1f} % of the reference intensity"
    if noise.training_range is None:
        return Fact("Noise", value, "unknown", "What the model learnt from is not recorded.")
    low, high = (100 * limit for limit in noise.training_range)
    where = "Within" if noise.in_training_range else "Outside"
    tone: Tone = "good" if noise.in_training_range else "doubtful"
    return Fact("Noise", value, tone, f"{where} the {low:g} to {high:g} % that the model learnt from.")


def _agreement(sidecar: Sidecar) -> Fact:
    label = "Agreement with the input"
    # The innermost ring answers to the noise floor; the warnings leave it out, too.
    found = [ring.chi_square for ring in sidecar.consistency[1:] if ring.chi_square is not None]
    if not found:
        return Fact(label, "not measurable", "unknown", "It is judged by the noise, which is unknown.")
    times = f"At most {max(found):.1f} × the noise's energy; up to {LARGEST_CHI_SQUARE:g} can be noise."
    if max(found) > LARGEST_CHI_SQUARE:
        return Fact(label, "differs by more than the noise", "doubtful", times)
    return Fact(label, "within the noise", "good", times)


def _millimetres(sizes: tuple[float, float]) -> str:
    return " × ".join(f"{size:.2f}" for size in sizes)
