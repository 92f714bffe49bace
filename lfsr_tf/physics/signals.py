"""Signal equations of the phantom's sequences, and the tissue parameters that they need.

Spin echo: S = PD (1 - exp(-TR / T1)) exp(-TE / T2). Inversion recovery: S = PD |1 - 2 exp(-TI / T1) +
exp(-TR / T1)| exp(-TE / T2), for TE much shorter than TR (E. M. Haacke et al., Magnetic Resonance Imaging:
Physical Principles and Sequence Design, Wiley 1999, sections 8.1 and 8.4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lfsr_tf.errors import ConfigError

CONTRASTS = ("T1w", "T2w", "FLAIR")


@dataclass(frozen=True)
class Tissue:
    """Proton density relative to water, and relaxation times in ms."""

    density: float
    t1: float
    t2: float


@dataclass(frozen=True)
class Sequence:
    """Timing in ms; `inversion_nulls` names the tissue that the inversion, if there is one, makes vanish."""

    repetition_time: float
    echo_time: float
    inversion_nulls: str | None = None


# Grey and white matter: G. J. Stanisz et al., MRM 54 (2005) at 1.5 T and J. P. Wansapura et al., JMRI 9
# (1999) at 3 T. Muscle: Stanisz. Fat and marrow: C. M. J. de Bazelaire et al., Radiology 230 (2004). CSF's
# T1: C. Lin et al., JMRI 14 (2001). Densities of grey and white matter: R. K.-S. Kwan et al. (BrainWeb),
# IEEE TMI 18 (1999). Set by hand, for want of one figure that all agree on: CSF's T2, other densities,
# lesions, and deep grey matter, which lies between grey and white with a T2 shortened by iron. Compact bone
# gives no signal at these echo times.
_TISSUES: dict[float, dict[str, Tissue]] = {
    1.5: {
        "muscle": Tissue(1.0, 1008.0, 44.0),
        "fat": Tissue(0.9, 343.0, 58.0),
        "bone": Tissue(0.02, 500.0, 5.0),
        "marrow": Tissue(0.45, 549.0, 49.0),
        "csf": Tissue(1.0, 4300.0, 1500.0),
        "grey": Tissue(0.86, 1124.0, 95.0),
        "white": Tissue(0.77, 884.0, 72.0),
        "deep_grey": Tissue(0.84, 1020.0, 80.0),
        "lesion": Tissue(0.86, 1250.0, 200.0),
    },
    3.0: {
        "muscle": Tissue(1.0, 1412.0, 50.0),
        "fat": Tissue(0.9, 382.0, 68.0),
        "bone": Tissue(0.02, 500.0, 5.0),
        "marrow": Tissue(0.45, 586.0, 49.0),
        "csf": Tissue(1.0, 4300.0, 1500.0),
        "grey": Tissue(0.86, 1331.0, 110.0),
        "white": Tissue(0.77, 832.0, 79.6),
        "deep_grey": Tissue(0.84, 1100.0, 88.0),
        "lesion": Tissue(0.86, 1350.0, 200.0),
    },
}
_SEQUENCES = {
    "T1w": Sequence(550.0, 12.0),
    "T2w": Sequence(4500.0, 95.0),
    "FLAIR": Sequence(9000.0, 115.0, inversion_nulls="csf"),
}


def tissue_signals(contrast: str, field_strength: float) -> dict[str, float]:
    """The signal of every tissue.

    Args:
        contrast: "T1w", "T2w" or "FLAIR".
        field_strength: 1.5 or 3.0, in tesla.

    Returns:
        Tissue to signal, relative to fully relaxed water.

    Raises:
        ConfigError: The contrast or the field strength is unknown.
    """
    if contrast not in _SEQUENCES:
        raise ConfigError(f"Expected a contrast of {CONTRASTS}. Received: {contrast!r}.")
    if field_strength not in _TISSUES:
        raise ConfigError(f"Expected a field strength of {tuple(_TISSUES)} T. Received: {field_strength}.")
    sequence, tissues = _SEQUENCES[contrast], _TISSUES[field_strength]
    if sequence.inversion_nulls is None:
        return {name: spin_echo(tissue, sequence) for name, tissue in tissues.items()}
    inversion_time = nulling_time(tissues[sequence.inversion_nulls], sequence.repetition_time)
    return {name: inversion_recovery(tissue, sequence, inversion_time) for name, tissue in tissues.items()}


def spin_echo(tissue: Tissue, sequence: Sequence) -> float:
    """Signal of a spin echo after a 90 degree pulse."""
    recovery = 1.0 - math.exp(-sequence.repetition_time / tissue.t1)
    return tissue.density * recovery * math.exp(-sequence.echo_time / tissue.t2)


def inversion_recovery(tissue: Tissue, sequence: Sequence, inversion_time: float) -> float:
    """Magnitude of the spin-echo signal at `inversion_time` ms after a 180 degree pulse."""
    recovered = math.exp(-sequence.repetition_time / tissue.t1)
    recovery = abs(1.0 - 2.0 * math.exp(-inversion_time / tissue.t1) + recovered)
    return tissue.density * recovery * math.exp(-sequence.echo_time / tissue.t2)


def nulling_time(tissue: Tissue, repetition_time: float) -> float:
    """The inversion time in ms at which a tissue gives no signal."""
    return tissue.t1 * math.log(2.0 / (1.0 + math.exp(-repetition_time / tissue.t1)))
