"""Names, colours and definitions that every part of the report shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lfsr_tf.evaluation.config import BASELINE_NAMES, EvaluationConfig
from lfsr_tf.evaluation.results import Results, in_millimetres
from lfsr_tf.evaluation.tables import ALL
from lfsr_tf.physics.settings import AcquisitionConfig


class Words(dict[str, str]):
    """Words for names; a name that has none stands for itself."""

    def __missing__(self, name: str) -> str:
        """The name."""
        return name


METHOD_LABELS = Words(
    {
        "zero-fill": "Zero-filling",
        "cubic": "Cubic",
        "nlm": "Non-local means",
        "nlm-biased": "Non-local means, biased",
        "model": "Network",
        "complex zero-fill": "Zero-filling, complex",
    }
)
# Distinguishable on white and on dark grey, also with colour vision deficiency (after Okabe and Ito).
METHOD_COLOURS = {
    "zero-fill": "#8b93a1",
    "cubic": "#d99000",
    "nlm": "#009e73",
    "nlm-biased": "#9b7fc7",
    "model": "#2f81d6",
}
# As Matplotlib names them, one series after the other.
MARKERS = ("o", "^", "s", "v", "D", "P", "X", "p", "*", "h", "<")
METHOD_MARKERS = dict(zip(METHOD_COLOURS, MARKERS, strict=False))
# Of the methods that the tables above do not have, in their order.
_SPARE_COLOURS = ("#cc79a7", "#d55e00", "#56b4e9", "#b8a800", "#8c5a3c")
# Of another number than the colours: each pair comes again after thirty.
_SPARE_MARKERS = MARKERS[len(METHOD_MARKERS) :]
# They have no use for the noise level.
_INTERPOLATIONS = ("zero-fill", "cubic")
METHOD_DEFINITIONS = {
    "zero-fill": "Zeros around the acquired centre of k-space: sinc interpolation.",
    "cubic": "Cubic B-spline interpolation on the grid of the acquisition (sample 0 in its place).",
    "nlm": "Non-local means, then removal of the Rician bias, then zero-filling.",
    "nlm-biased": "Non-local means, then zero-filling; the Rician floor stays.",
    "model": "The network under test.",
}
METRIC_LABELS = Words(
    {
        "psnr": "PSNR (dB)",
        "ssim": "SSIM",
        "nrmse": "NRMSE",
        "hfen": "HFEN",
        "band": "Outer band recovered",
        "energy": "Outer band energy",
    }
)
METRIC_DEFINITIONS = {
    "psnr": "Peak signal-to-noise ratio: 10 log10(range² / mean squared error). Higher is better; 3 dB "
    "more is half the error power.",
    "ssim": "Structural similarity with Wang’s window (Gaussian, σ 1.5 pixels), as scikit-image computes it. "
    "1 is the truth.",
    "nrmse": "Root mean squared error divided by the root mean square of the truth. 0 is the truth.",
    "hfen": "The same after a Laplacian of Gaussian (σ 1.5 pixels): the error in edges and fine "
    "detail. 0 is the truth.",
    "band": "Fraction recovered of the outer k-space that the low-resolution image lacks. 0 is adding "
    "nothing, as zero-filling does; 1 is the truth; invented detail gives negative figures.",
    "energy": "Energy in that band over the truth’s, right or wrong: how sharp the image looks. Below 1 it "
    "is blurred; above 1 it holds noise or invention.",
}
RAW_IMAGE_LABELS = {"magnitude": "Magnitude", "in_phase": "In phase"}
REGION_LABELS = {"head": "inside the head mask", "whole": "whole image"}


def decimals_of(metric: str) -> int:
    """How many are shown of a metric."""
    return 2 if metric == "psnr" else 3


def colour_of(method: str, methods: Sequence[str]) -> str:
    """Of its line and its band, among those of all methods of the results."""
    return METHOD_COLOURS.get(method) or _spare(method, methods, METHOD_COLOURS, _SPARE_COLOURS)


def marker_of(method: str, methods: Sequence[str]) -> str:
    """Of its points, as Matplotlib names it."""
    return METHOD_MARKERS.get(method) or _spare(method, methods, METHOD_MARKERS, _SPARE_MARKERS)


def _spare(method: str, methods: Sequence[str], known: Mapping[str, str], choices: Sequence[str]) -> str:
    own = [name for name in dict.fromkeys((*BASELINE_NAMES, *methods)) if name not in known]
    return choices[own.index(method) % len(choices)]


def definition_of(method: str, results: Results) -> str:
    """What a method is, in a sentence."""
    if method in results.against:
        return "Another network, on the same images; what it is stands under Networks."
    return METHOD_DEFINITIONS.get(method, "Not described here.")


def rival_word(results: Results) -> str:
    """What the network is compared with, in a word or two."""
    return "other method" if results.against else "baseline"


def signed(value: float, places: int) -> str:
    """A difference with its sign, a true minus; what rounds to 0 has none."""
    text = f"{value:+.{places}f}"
    return text.replace("-", "−") if float(text) else text[1:]


def data_range_label(config: EvaluationConfig) -> str:
    """What PSNR and SSIM divide by, in words."""
    if config.data_range == "volume":
        return "99.9th percentile of the noise-free low-resolution volume"
    return "maximum of each high-resolution slice"


def noise_label(results: Results) -> str:
    """Who is told the noise level, in a sentence."""
    known = results.config.sigma_source == "known"
    told = "told σ" if known else "given σ as estimated from the image background"
    denoising = [name for name in results.config.baselines if name not in _INTERPOLATIONS]
    # Once for both forms of non-local means.
    names = list(dict.fromkeys(METHOD_LABELS[name].removesuffix(", biased") for name in denoising))
    networks = {"the network": results.model, **results.against}
    takes = {name: bool(facts.get("takes_noise_level")) for name, facts in networks.items()}
    names += [name for name in networks if takes[name]]
    others = [name for name in networks if not takes[name]]
    if not names:
        return f"{_beginning(others)} not told σ."
    rest = f"; {listed(others)} {_verb(others)} not" if others else ""
    return f"{_beginning(names)} {told}{rest}."


def _beginning(names: Sequence[str]) -> str:
    """Of a sentence: the names are a user's but for "the network"."""
    text = f"{listed(names)} {_verb(names)}"
    return f"T{text[1:]}" if names[0] == "the network" else text


def _verb(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def acquisition_label(acquisition: AcquisitionConfig) -> str:
    """What the simulated scanner does beyond the crop and the noise, in a sentence; "" for nothing."""
    decay = f"T2 decay over an echo train of {acquisition.t2_decay:g} T2 ({acquisition.echo_order} order)"
    window = acquisition.apodisation_window.capitalize()
    effects = {
        "a smooth random phase": acquisition.phase,
        f"coil shading of up to {100.0 * acquisition.bias_field:g} %": acquisition.bias_field,
        "an elliptical k-space": acquisition.elliptical,
        f"a {window} filter of strength {acquisition.apodisation:g}": acquisition.apodisation,
        decay: acquisition.t2_decay,
    }
    simulated = [words for words, strength in effects.items() if strength]
    return f"Beyond the crop are simulated: {listed(simulated)}." if simulated else ""


def voxels_label(results: Results) -> str:
    """Voxel sizes before and after, in a sentence; "" where they are not known."""
    if not results.volumes:
        return ""
    lr = in_millimetres(volume.lr_spacing_mm for volume in results.volumes)
    hr = in_millimetres(volume.hr_spacing_mm for volume in results.volumes)
    return f"Voxels are {lr} wide in the low-resolution images, {hr} in the truth."


def listed(names: Sequence[str]) -> str:
    """Names in a sentence, with commas and an "and"; at least one."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def contrast_label(contrast: str) -> str:
    """A contrast's name for a table's row."""
    return "All" if contrast == ALL else contrast


def shown_contrasts(results: Results) -> tuple[str, ...]:
    """All contrasts together where there are several, then each."""
    return (ALL, *results.contrasts) if len(results.contrasts) > 1 else results.contrasts
