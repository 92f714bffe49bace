"""Presets and the changes to them by key=value."""

from pathlib import Path

import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.training.presets import list_presets, load_preset


def test_the_packaged_presets_are_listed_and_all_valid() -> None:
    assert list_presets() == ["best", "demo", "fast", "paper", "quick"]
    for name in list_presets():
        load_preset(name)


def test_the_paper_preset_is_the_papers_training() -> None:
    paper = load_preset("paper")
    assert (paper.batch_size, paper.epochs, paper.optimizer, dict(paper.loss)) == (
        20,
        74,
        "adam",
        {"mse": 1.0},
    )
    assert paper.network_settings == {"variant": "all", "block_input": "every_layer", "scale": 2}
    assert paper.steps_per_epoch is None


def test_a_toml_file_of_ones_own_is_a_preset(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('network = "ResidualSR"\nbatch_size = 3\n[loss]\nmae = 1.0\n')
    config = load_preset(mine)
    assert (config.network, config.batch_size, dict(config.loss)) == ("ResidualSR", 3, {"mae": 1.0})


def test_changes_reach_into_tables_and_keep_the_rest() -> None:
    config = load_preset(
        "quick", ["batch_size=4", "network_settings.blocks=2", "loss.ssim=0.1", "schedule=constant"]
    )
    assert (config.batch_size, config.schedule) == (4, "constant")
    unchanged = load_preset("quick").network_settings
    assert config.network_settings == {**unchanged, "blocks": 2}
    assert unchanged["blocks"] != 2
    assert config.loss == {"mse": 1.0, "ssim": 0.1}


def test_another_network_has_settings_of_its_own_and_not_those_of_the_preset() -> None:
    changes = ["network_settings.blocks=2", "network=SRDenseNet", "batch_size=4"]
    for order in (changes, changes[::-1]):
        config = load_preset("quick", order)
        assert (config.network, config.batch_size) == ("SRDenseNet", 4)
        assert config.network_settings == {"blocks": 2}
    assert load_preset("quick", ["network=none"]).network_settings == {}
    assert load_preset("quick", ["network=ResidualSR"]) == load_preset("quick")


@pytest.mark.parametrize("loss", ["", 'loss = "mse"\n'])
def test_a_change_to_the_loss_keeps_that_of_a_file_without_a_table_of_it(tmp_path: Path, loss: str) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(f'network = "ResidualSR"\n{loss}')
    assert load_preset(mine, ["loss.ssim=0.1"]).loss == {"mse": 1.0, "ssim": 0.1}


def test_a_table_can_be_replaced_as_a_whole() -> None:
    assert load_preset("quick", ["loss={mae=1.0}"]).loss == {"mae": 1.0}


def test_none_takes_a_setting_back_to_its_default() -> None:
    assert load_preset("quick", ["steps_per_epoch=none"]).steps_per_epoch is None


@pytest.mark.parametrize(
    "change",
    [
        "batch_size",
        "=4",
        "batch_size.=4",
        "batch_size.x=4",
        "colour=4",
        "epochs=many",
        f"epochs={'9' * 5000}",
        f"epochs={'[' * 5000}",
        f"{'a.' * 5000}a=1",
        f"network_settings.{'a.' * 5000}a=1",
    ],
)
def test_a_change_that_means_nothing_is_refused(change: str) -> None:
    with pytest.raises(ConfigError):
        load_preset("quick", [change])


def test_a_preset_that_does_not_exist_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigError, match=r"best, demo, fast.*Received: slow"):
        load_preset("slow")


def test_a_setting_that_is_refused_is_told_with_its_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("batch_sice = 3")
    with pytest.raises(ConfigError, match=r"mine\.toml: Expected settings of TrainConfig among .*batch_sice"):
        load_preset(mine)


@pytest.mark.parametrize(
    "text",
    ["batch_size = = 3", f"epochs = {'9' * 5000}", f"a={'[' * 5000}{']' * 5000}", f"a={'{b=' * 4000}"],
    ids=["equals", "digits", "lists", "tables"],
)
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text(text)
    with pytest.raises(ConfigError, match="not TOML"):
        load_preset(broken)


@pytest.mark.parametrize("text", [f"{'a.' * 20_000}a=1", "# " + "x" * 2**20], ids=["dots", "comment"])
def test_a_file_that_is_too_large_for_a_preset_is_not_parsed(tmp_path: Path, text: str) -> None:
    large = tmp_path / "large.toml"
    large.write_text(text)
    with pytest.raises(ConfigError, match=r"large\.toml: Expected .* at most 16384 bytes"):
        load_preset(large)


def test_a_key_of_many_dots_is_refused(tmp_path: Path) -> None:
    dotted = tmp_path / "dotted.toml"
    dotted.write_text(f"network_settings.{'a.' * 5000}a=1")
    with pytest.raises(ConfigError, match=r"dotted\.toml"):
        load_preset(dotted)
