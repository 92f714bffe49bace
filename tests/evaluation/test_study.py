"""The evaluation as a whole: what is compared, what repeats, what is left out."""

import dataclasses
from pathlib import Path

import keras
import nibabel as nib
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError, ModelError, OutOfMemoryError, ScanError
from lfsr_tf.evaluation import (
    EvaluationConfig,
    Results,
    compare,
    config as evaluation_config,
    evaluate,
    to_json,
    write_report,
)
from lfsr_tf.evaluation.acquisitions import LowField, acquire, study_volume
from lfsr_tf.evaluation.baselines import BASELINES
from lfsr_tf.evaluation.kspace_split import OuterBand
from lfsr_tf.evaluation.results import json_value
from lfsr_tf.networks import ModelInfo, TrainedModel, scale_of
from lfsr_tf.physics import AcquisitionConfig
from lfsr_tf.physics.noise import TYPICAL_NOISE_LEVEL

SMALL = EvaluationConfig(sigmas=(0.0, 0.05), hr_size=32, slices_per_volume=2, bootstrap_samples=200)


def figures(results: Results, **wanted: object) -> list[float]:
    return [
        score.psnr
        for score in results.scores
        if all(getattr(score, name) == value for name, value in wanted.items())
    ]


def test_every_slice_noise_level_method_and_region_has_its_figures(results: Results) -> None:
    volumes, slices, sigmas, methods, regions = 4, 2, 2, 4, 2
    assert len(results.scores) == volumes * slices * sigmas * methods * regions
    assert len(set(map(repr, results.scores))) == len(results.scores)
    assert results.methods == ("zero-fill", "cubic", "nlm", "model")
    assert results.subjects == ("anna", "bert", "cleo")
    assert all(
        np.isfinite([score.psnr, score.ssim, score.nrmse, score.hfen]).all() for score in results.scores
    )


def test_noise_costs_decibels(results: Results) -> None:
    for method in results.methods:
        assert np.mean(figures(results, sigma=0.05, method=method)) < np.mean(
            figures(results, sigma=0.0, method=method)
        )


def test_a_second_evaluation_gives_the_same_figures(
    results: Results, nearest_network: keras.Model, scans: list
) -> None:
    assert evaluate(nearest_network, scans, SMALL).scores == results.scores


def test_a_scans_figures_do_not_depend_on_the_other_scans(
    results: Results, nearest_network: keras.Model, scans: list
) -> None:
    alone = evaluate(nearest_network, scans[2:3], SMALL)
    assert alone.scores == tuple(score for score in results.scores if score.subject == "bert")


def test_another_seed_draws_other_noise(results: Results, nearest_network: keras.Model, scans: list) -> None:
    other = evaluate(nearest_network, scans[:1], dataclasses.replace(SMALL, seed=1))
    mine = [score for score in results.scores if score.scan == other.scores[0].scan]
    for sigma, same in ((0.0, True), (0.05, False)):
        pairs = zip(
            [score.psnr for score in mine if score.sigma == sigma],
            [score.psnr for score in other.scores if score.sigma == sigma],
            strict=True,
        )
        assert all((first == second) is same for first, second in pairs)


def test_the_batch_size_does_not_change_the_figures(
    results: Results, nearest_network: keras.Model, scans: list
) -> None:
    one_by_one = evaluate(nearest_network, scans[:1], dataclasses.replace(SMALL, batch_size=1))
    mine = [score.psnr for score in results.scores if score.scan == one_by_one.scores[0].scan]
    np.testing.assert_allclose([score.psnr for score in one_by_one.scores], mine, rtol=1e-5)


def test_a_device_without_enough_memory_is_one_line_that_says_what_to_do(
    nearest_network: keras.Model, scans: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object) -> object:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(tf, "function", lambda *_, **__: out_of_memory)
    with pytest.raises(OutOfMemoryError, match=r"^Not enough memory for 2 slices of 16 x 16 .*--batch-size"):
        evaluate(nearest_network, scans[:1], SMALL)


def test_the_unit_of_the_scan_does_not_matter(nearest_network: keras.Model, make_scan) -> None:  # type: ignore[no-untyped-def]
    scan = make_scan(1)
    brighter = dataclasses.replace(scan, voxels=scan.voxels * np.float32(1000.0))
    plain, scaled = (evaluate(nearest_network, [one], SMALL) for one in (scan, brighter))
    np.testing.assert_allclose(figures(scaled), figures(plain), rtol=1e-3)


def test_the_network_sees_the_noisy_volume_divided_by_its_own_percentile(make_scan) -> None:  # type: ignore[no-untyped-def]
    seen: list[np.ndarray] = []
    lr = keras.Input((None, None, 1))

    class Spy(keras.layers.Layer):
        def call(self, images):  # type: ignore[no-untyped-def]
            import tensorflow as tf

            tf.py_function(lambda values: seen.append(values.numpy()), [images], [])
            return keras.ops.repeat(keras.ops.repeat(images, 2, axis=1), 2, axis=2)

        def compute_output_shape(self, shape):  # type: ignore[no-untyped-def]
            return (shape[0], shape[1] and 2 * shape[1], shape[2] and 2 * shape[2], 1)

    config = dataclasses.replace(SMALL, sigmas=(0.2,), slices_per_volume=0)
    evaluate(keras.Model(lr, Spy()(lr)), [make_scan(1)], config)
    assert np.percentile(np.concatenate(seen), 99.9) == pytest.approx(1.0, abs=0.02)


def test_the_model_is_scored_in_the_unit_of_the_truth(results: Results, scans: list) -> None:
    volume = study_volume(scans[0], "anna", 2, SMALL)
    low = acquire(volume, 0.05, SMALL)
    repeated = low.images.repeat(2, axis=1).repeat(2, axis=2)
    picture = next(one for one in results.pictures if one.sigma == 0.05 and one.contrast == "T1w")
    shown = int(np.argmax(volume.masks.sum(axis=(1, 2))))
    np.testing.assert_allclose(
        np.sort(picture.outputs["model"], None), np.sort(repeated[shown], None), rtol=1e-4
    )


def test_there_is_one_picture_of_each_contrast_and_noise_level(results: Results) -> None:
    shown = [(picture.contrast, picture.sigma) for picture in results.pictures]
    assert sorted(shown) == [("T1w", 0.0), ("T1w", 0.05), ("T2w", 0.0), ("T2w", 0.05)]
    picture = results.pictures[0]
    assert picture.lr.shape == (16, 16)
    assert set(picture.outputs) == set(results.methods)
    assert picture.hr.shape == picture.outputs["nlm"].shape == (32, 32)


def test_a_picture_keeps_no_volume_in_memory(nearest_network: keras.Model, scans: list) -> None:
    # Stored upright: nothing is turned, which alone would make a copy.
    upright = np.array([[0.0, -2.0, 0.0, 0.0], [-2.0, 0.0, 0.0, 0.0], [0.0, 0.0, -2.0, 0.0], [0, 0, 0, 1]])
    scan = dataclasses.replace(scans[0], affine=upright)
    picture = evaluate(nearest_network, [scan], SMALL).pictures[0]
    assert all(image.base is None for image in (picture.lr, picture.hr, *picture.outputs.values()))


def test_slices_are_spread_evenly_and_zero_takes_them_all(make_scan) -> None:  # type: ignore[no-untyped-def]
    scan = make_scan(1)
    some = study_volume(scan, "anna", 2, SMALL)
    every = study_volume(scan, "anna", 2, dataclasses.replace(SMALL, slices_per_volume=0))
    assert some.indices[some.chosen].tolist() == [1, 3]
    assert every.indices[every.chosen].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("sigma", [0.0, 0.05])
def test_an_estimated_sigma_is_close_to_the_true_one(make_scan, sigma: float) -> None:  # type: ignore[no-untyped-def]
    config = dataclasses.replace(SMALL, sigma_source="estimated", hr_size=96)
    low = acquire(study_volume(make_scan(1, shape=(100, 100, 5)), "anna", 2, config), sigma, config)
    assert low.sigma == pytest.approx(sigma, rel=0.15, abs=0.005)


def test_progress_counts_every_scan_and_noise_level(nearest_network: keras.Model, scans: list) -> None:
    steps: list[int] = []
    tiny = dataclasses.replace(scans[0], voxels=scans[0].voxels[:16, :16])
    evaluate(nearest_network, [scans[1], tiny], SMALL, progress=steps.append)
    assert sum(steps) == 4


def test_a_scan_that_cannot_be_used_is_named_and_left_out(
    nearest_network: keras.Model, scans: list, tmp_path: Path
) -> None:
    path = tmp_path / "broken.nii.gz"
    path.write_text("not a scan")
    found = evaluate(nearest_network, [scans[0], path], SMALL)
    assert {score.subject for score in found.scores} == {"anna"}
    assert len(found.failures) == 1
    assert "broken.nii.gz" in found.failures[0][0]
    with pytest.raises(ScanError, match="none usable"):
        evaluate(nearest_network, [path], SMALL)


def test_files_of_one_name_in_two_folders_are_two_volumes(
    nearest_network: keras.Model, scans: list, tmp_path: Path
) -> None:
    for folder, scan in zip(("first", "second"), scans, strict=False):
        (tmp_path / folder).mkdir()
        nib.save(nib.Nifti1Image(scan.voxels, scan.affine), tmp_path / folder / "T1w.nii.gz")
    found = evaluate(nearest_network, sorted(tmp_path.rglob("*.gz")), SMALL)
    assert {score.scan for score in found.scores} == {"first/T1w.nii.gz", "second/T1w.nii.gz"}


def test_metadata_of_a_trained_model_reaches_the_results(nearest_network: keras.Model, scans: list) -> None:
    info = ModelInfo(name="mine", network="nearest", settings={"scale": 2}, scale=2, sigma_range=(0.0, 0.08))
    found = evaluate(TrainedModel(nearest_network, info), scans[:1], SMALL)
    assert found.model["name"] == "mine"
    assert found.model["parameters"] == 4
    assert found.model["sigma_range"] == [0.0, 0.08]


def test_the_acquisition_is_that_of_the_configuration_and_its_noise_range_is_not_looked_at(make_scan) -> None:  # type: ignore[no-untyped-def]
    decay = {"t2_decay": 2.0, "echo_order": "centric"}
    plain, own, again = (
        dataclasses.replace(SMALL, acquisition=AcquisitionConfig(**settings))
        for settings in ({}, decay, {**decay, "sigma_min": 0.2, "sigma_max": 0.3})
    )
    images = [
        acquire(study_volume(make_scan(1), "anna", 2, each), 0.0, each).images for each in (plain, own, again)
    ]
    assert np.abs(images[0] - images[1]).max() > 0.05
    np.testing.assert_array_equal(images[1], images[2])
    # The unit is that of the simulated scan: a network's input, divided by its own percentile, has it too.
    assert np.percentile(acquire(study_volume(make_scan(1), "anna", 2, own), 0.0, own).images, 99.9) == (
        pytest.approx(1.0, abs=0.03)
    )


def test_what_is_simulated_stands_in_the_figures_without_a_range_that_nothing_reads(
    nearest_network: keras.Model, scans: list
) -> None:
    config = dataclasses.replace(SMALL, acquisition=AcquisitionConfig(sigma_max=0.3, t2_decay=2.0))
    found = json_value(to_json(evaluate(nearest_network, scans[:1], config)))["config"]["acquisition"]
    assert found["t2_decay"] == 2.0 and found["echo_order"] == "linear"
    assert not [name for name in found if "sigma" in name]


def test_a_network_of_another_kind_is_refused(scans: list) -> None:
    image = keras.Input((None, None, 3))
    colour = keras.Model(image, keras.layers.Conv2D(3, 3)(image))
    with pytest.raises(ModelError, match="Expected a network"):
        evaluate(colour, scans, SMALL)


def test_the_scale_is_read_off_the_network(nearest_network: keras.Model) -> None:
    lr = keras.Input((None, None, 1))
    twice = keras.Model(lr, nearest_network(nearest_network(lr)))
    assert (scale_of(nearest_network), scale_of(twice)) == (2, 4)


def test_whoever_cannot_see_noise_takes_none_out_and_tells_a_network_what_is_typical() -> None:
    images = np.ones((1, 8, 8), np.float32)
    seen = LowField(images, 0.02, 0.5, (16, 16))
    unseen = LowField(images, 0.0, 0.5, (16, 16), noise_seen=False)
    assert (seen.noise_level, unseen.noise_level) == (0.04, TYPICAL_NOISE_LEVEL)


def test_noise_of_a_scan_without_background_counts_as_unseen(make_scan) -> None:  # type: ignore[no-untyped-def]
    volume = study_volume(make_scan(1), "anna", 2, SMALL)
    masked = dataclasses.replace(volume, hr=np.ones_like(volume.hr))
    estimated = acquire(masked, 0.0, dataclasses.replace(SMALL, sigma_source="estimated"))
    assert (estimated.sigma, estimated.noise_seen) == (0.0, False)
    assert acquire(masked, 0.0, SMALL).noise_seen


def test_what_holds_arrays_is_compared_and_hashed_by_identity(make_scan) -> None:  # type: ignore[no-untyped-def]
    volume = study_volume(make_scan(1), "anna", 2, SMALL)
    band = OuterBand.of(np.ones((1, 1, 32, 32), np.complex64), np.ones((1, 1, 32, 32)), 2)
    for one in (volume, acquire(volume, 0.05, SMALL), band):
        other = dataclasses.replace(one)
        assert one == one and one != other
        assert len({one, other}) == 2


def test_methods_of_other_names_are_compared_and_kept_but_not_shown_as_a_report(
    scans: list, tmp_path: Path
) -> None:
    methods = {"a": BASELINES["cubic"], "b": BASELINES["zero-fill"]}
    results = compare(methods, scans[:1], SMALL)
    figures = to_json(results)
    assert results.methods == ("a", "b") and figures["differences"] == []
    with pytest.raises(ConfigError, match="Received: a, b"):
        write_report(results, results.pictures, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_a_baseline_is_a_function_and_its_name_and_the_report_needs_no_words_for_it(
    scans: list, tmp_path: Path, nearest_network: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BASELINES, "own", BASELINES["cubic"])
    monkeypatch.setattr(evaluation_config, "BASELINE_NAMES", (*BASELINES,))
    chosen = dataclasses.replace(SMALL, baselines=("zero-fill", "own"))
    results = evaluate(nearest_network, scans[:1], chosen)
    write_report(results, results.pictures, tmp_path / "report.html")
    assert "<dt>own</dt>" in (tmp_path / "report.html").read_text(encoding="utf-8")
