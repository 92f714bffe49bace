import dataclasses
import re

import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs import PairsConfig, load_preset


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "both"},
        {"plane": "oblique"},
        {"small_images": "stretch"},
        {"hr_size": 127},
        {"hr_size": 8},
        {"scale": 3},
        {"lr_patch": 65},
        {"lr_patch": -1},
        {"patches_per_slice": 0},
        {"min_patch_head": 1.0},
        {"validation_fraction": -0.1},
    ],
)
def test_a_setting_out_of_range_is_refused_with_what_was_received(wrong: dict[str, object]) -> None:
    name, value = list(wrong.items())[-1]
    with pytest.raises(ConfigError, match=f"Expected {name}.*Received: {value!r}"):
        PairsConfig(**wrong)


def settings_of_pairs() -> list[str]:
    """The settings of which the documentation says that they are of mode "pairs" only."""
    settings = re.split(r"\n {8}(?=\w+: )", str(PairsConfig.__doc__))
    return [text.split(":")[0] for text in settings if re.search(r'\(mode "pairs"[^)]*only\)', text)]


def test_the_documentation_says_which_settings_are_of_one_mode() -> None:
    assert {"pairing", "train_pairs", "validation_pairs", "noise_copies"} <= set(settings_of_pairs())


@pytest.mark.parametrize("name", settings_of_pairs())
def test_a_setting_that_does_nothing_in_this_mode_is_refused(name: str) -> None:
    value = {"pairing": "repetitions"}.get(name, 7)
    PairsConfig(**{name: value})
    with pytest.raises(ConfigError, match=rf"^(?=.*{name})(?=.*mode).*Received"):
        PairsConfig(mode="slices", **{name: value})


def test_all_settings_of_the_other_mode_are_told_in_one_line() -> None:
    with pytest.raises(ConfigError) as told:
        dataclasses.replace(load_preset("paper"), mode="slices")
    assert str(told.value) == (
        "Expected train_pairs=0, validation_pairs=0, noise_copies=1 with mode='slices', whose pairs are "
        "drawn anew in every epoch. Received: train_pairs=190000, validation_pairs=10000, noise_copies=4. "
        "Set them so, or choose mode='pairs'."
    )


def test_settings_survive_json() -> None:
    config = PairsConfig(hr_size=64, lr_patch=0, seed=5)
    assert PairsConfig.from_json(config.to_json()) == config


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(ConfigError, match="patch_size"):
        PairsConfig.from_json({"patch_size": 16})
    with pytest.raises(ConfigError, match="sigma"):
        PairsConfig.from_json({"acquisition": {"sigma": 0.1}})


@pytest.mark.parametrize(
    "wrong", [{"seed": True}, {"hr_size": "128"}, {"lr_patch": 16.5}, {"acquisition": {"sigma_max": "high"}}]
)
def test_a_value_of_another_type_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="Received"):
        PairsConfig.from_json(wrong)


def test_the_paper_preset_has_the_papers_figures() -> None:
    paper = load_preset("paper")
    assert (paper.train_pairs, paper.validation_pairs) == (190_000, 10_000)
    assert (paper.hr_size, paper.lr_size, paper.hr_patch, paper.lr_patch) == (128, 64, 32, 16)


def test_the_quick_preset_redraws_noise() -> None:
    assert load_preset("quick").mode == "slices"


def test_a_preset_can_be_a_file(tmp_path) -> None:
    (tmp_path / "mine.toml").write_text("hr_size = 64\n[acquisition]\nsigma_max = 0.02\n")
    config = load_preset(tmp_path / "mine.toml")
    assert (config.hr_size, config.acquisition.sigma_max) == (64, 0.02)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hr_size = ", "mine"),
        ("size = 3", "size"),
        ("hr_size = 3", "hr_size"),
        ("acquisition = 3", "table of settings of AcquisitionConfig. Received: 3"),
    ],
)
def test_a_bad_preset_file_is_refused(tmp_path, text: str, reason: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ConfigError, match=reason):
        load_preset(tmp_path / "mine.toml")


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="paper, quick"):
        load_preset("fast")


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PairsConfig().seed = 3
