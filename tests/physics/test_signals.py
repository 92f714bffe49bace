"""The signal equations, and the contrasts that they give."""

import math

import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics import tissue_signals
from lfsr_tf.physics.anatomy import TISSUES
from lfsr_tf.physics.signals import CONTRASTS, Sequence, Tissue, inversion_recovery, nulling_time, spin_echo

WATER = Tissue(density=0.9, t1=1000.0, t2=100.0)


def test_a_spin_echo_recovers_with_t1_and_decays_with_t2():
    expected = 0.9 * (1.0 - math.exp(-0.5)) * math.exp(-0.2)
    assert spin_echo(WATER, Sequence(500.0, 20.0)) == pytest.approx(expected)


def test_a_spin_echo_without_saturation_and_decay_is_the_proton_density():
    assert spin_echo(WATER, Sequence(1e9, 0.0)) == pytest.approx(0.9)


@pytest.mark.parametrize("repetition_time", [3000.0, 9000.0])
def test_the_nulling_time_nulls_its_tissue_and_no_other(repetition_time):
    sequence = Sequence(repetition_time, 100.0)
    time = nulling_time(WATER, repetition_time)
    assert inversion_recovery(WATER, sequence, time) == pytest.approx(0.0, abs=1e-12)
    assert inversion_recovery(Tissue(0.9, 1500.0, 100.0), sequence, time) > 0.01


def test_inversion_without_delay_is_an_inverted_spin_echo():
    sequence = Sequence(2000.0, 30.0)
    assert inversion_recovery(WATER, sequence, 0.0) == pytest.approx(spin_echo(WATER, sequence))


@pytest.mark.parametrize("field_strength", [1.5, 3.0])
def test_contrasts_rank_the_tissues_as_radiologists_know_them(field_strength):
    t1, t2, flair = (tissue_signals(contrast, field_strength) for contrast in CONTRASTS)
    assert t1["fat"] > t1["white"] > t1["grey"] > t1["csf"]
    assert t2["csf"] > t2["lesion"] > t2["grey"] > t2["white"]
    assert flair["lesion"] > flair["grey"] > flair["white"] > flair["csf"]
    assert flair["csf"] < 1e-9


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_every_tissue_of_the_anatomy_has_a_signal(contrast):
    assert set(tissue_signals(contrast, 3.0)) == set(TISSUES)


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match=r"Expected a contrast of.*Received: 'PD'"):
        tissue_signals("PD", 3.0)
    with pytest.raises(ConfigError, match=r"Expected a field strength.*Received: 7.0"):
        tissue_signals("T1w", 7.0)
