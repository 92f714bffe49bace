"""What tfds.load yields, in Keras' fit: built from real scans by the command line."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

import data_pipelines.low_field_sr  # noqa: F401  makes the name known
from data_pipelines.pairs_builder.training_pairs import training_pairs
from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs import PipelineConfig
from tests.shell import run_shell

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def built(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set slices_x2 of all real training scans."""
    folder = tmp_path_factory.mktemp("real")
    builder = REPOSITORY / "data_pipelines" / "low_field_sr"
    options = f"--config=slices_x2 --manual_dir={shared_data / 'train'} --data_dir=data"
    in_memory = "--beam_pipeline_options=direct_running_mode=in_memory"
    run_shell(f"tfds build {builder} {options} {in_memory}", folder)
    return folder


def load(folder: Path, **options: object) -> tuple:
    return tfds.load(
        "low_field_sr/slices_x2", data_dir=folder / "data", with_info=True, download=False, **options
    )


@pytest.mark.slow
def test_the_script_of_ten_lines_trains_on_real_scans(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (REPOSITORY / "docs" / "builders.md").read_text()
    script = next(block for block in BLOCK.findall(page) if "tfds.load" in block)
    assert len([line for line in script.splitlines() if line.strip()]) <= 10
    assert "batch_size=16" in script
    # Its few steps with batches of 16 would take longer than all else here.
    (built / "script.py").write_text(script.replace("batch_size=16", "batch_size=2"))
    monkeypatch.chdir(built)
    runpy.run_path("script.py")
    assert "psnr" in capsys.readouterr().out.lower()


@pytest.mark.slow
def test_no_subject_of_the_real_scans_stands_on_both_sides(built: Path) -> None:
    sides, info = load(built, split=["train", "validation"])
    subjects = [{bytes(record["subject"]) for record in tfds.as_numpy(side)} for side in sides]
    assert subjects[0] and subjects[1] and not subjects[0] & subjects[1]
    assert info.metadata["failed"] == [] and len(info.metadata["sources"]) == 30


@pytest.mark.slow
def test_every_epoch_draws_other_noise_for_the_same_slices(built: Path) -> None:
    slices, info = load(built, split="train[:16]")
    count = int(slices.cardinality()) * info.metadata["config"]["patches_per_slice"]
    pairs = training_pairs(slices, info, count, shuffle_pairs=1).take(2)
    (first_lr, first_hr), (second_lr, second_hr) = [(lr.numpy(), hr.numpy()) for lr, hr in pairs]
    assert first_lr.shape == (count, 48, 48, 1) and first_hr.shape == (count, 96, 96, 1)
    assert not np.array_equal(first_lr, second_lr) and not np.array_equal(first_hr, second_hr)
    again = next(iter(training_pairs(slices, info, count, shuffle_pairs=1)))
    np.testing.assert_array_equal(again[0], first_lr)


@pytest.mark.slow
def test_gains_and_patches_are_those_of_the_options(built: Path) -> None:
    slices, info = load(built, split="train[:4]")

    def lr_hr(**options: float) -> tuple[np.ndarray, np.ndarray]:
        chosen = PipelineConfig(lr_patch=16, patches_per_slice=3, **options)
        return next(iter(tfds.as_numpy(training_pairs(slices, info, 12, options=chosen))))

    single, double = (lr_hr(gain_min=gain, gain_max=gain) for gain in (1.0, 2.0))
    assert single[0].shape == (12, 16, 16, 1) and single[1].shape == (12, 32, 32, 1)
    for one, two in zip(single, double, strict=True):
        np.testing.assert_allclose(two, 2.0 * one, rtol=1e-6)
    ratios = lr_hr()[1].sum((1, 2, 3)) / single[1].sum((1, 2, 3))
    assert 0.6 <= ratios.min() < ratios.max() <= 1.4 and len(set(ratios.round(4))) > 3
    with pytest.raises(ConfigError, match="lr_patch of at most 48"):
        training_pairs(slices, info, 12, options=PipelineConfig(lr_patch=64))


@pytest.mark.slow
def test_pairs_are_refused_where_slices_are_expected(built: Path) -> None:
    slices, info = load(built, split="train")
    with pytest.raises(ConfigError, match="a finite data set of slices"):
        training_pairs(slices.repeat(), info, 4)
