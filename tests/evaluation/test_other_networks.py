"""Several networks in one evaluation: the same scans and noise, and the differences between them."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.errors import ConfigError, LfsrError, ModelError
from lfsr_tf.evaluation import Results, evaluate, study, to_json, with_measured_kspace, write_results
from lfsr_tf.evaluation.kspace_split import OuterBand
from lfsr_tf.evaluation.report.curves import metric_curves
from lfsr_tf.evaluation.report.labels import METHOD_LABELS, colour_of, marker_of, noise_label
from lfsr_tf.evaluation.report.summary import headline, standings, verdicts
from lfsr_tf.evaluation.tables import ALL, differences, lookup, subject_differences, volume_scores
from lfsr_tf.hashing import sha256_file
from lfsr_tf.model_info import scan_mark
from lfsr_tf.networks import ModelInfo, TrainedModel, build_network
from lfsr_tf.scans.scan import Scan
from tests.evaluation.conftest import SMALL, repeating_network

ONE = dataclasses.replace(SMALL, sigmas=(0.05,), baselines=("zero-fill", "cubic"))
INFO = ModelInfo("mine", "nearest", {}, 2)


@pytest.fixture(scope="module")
def told() -> keras.Model:
    """A network that takes the noise level, and shows it."""
    return repeating_network("told", channels=2)


@pytest.fixture(scope="module")
def others(told: keras.Model) -> dict[str, keras.Model | TrainedModel]:
    small = build_network("ResidualSR", blocks=1, filters=4)
    return {"told": told, "second": TrainedModel(small, dataclasses.replace(INFO, sigma_range=(0.0, 0.03)))}


@pytest.fixture(scope="module")
def compared(nearest_network: keras.Model, others: Any, scans: list[Scan]) -> Results:
    return evaluate(nearest_network, scans, SMALL, against=others)


def psnr(results: Results, method: str) -> list[float]:
    return [score.psnr for score in results.scores if score.method == method]


def test_the_networks_stand_between_baselines_and_the_network_under_test(compared: Results) -> None:
    assert compared.methods == ("zero-fill", "cubic", "nlm", "told", "second", "model")
    assert compared.rivals == compared.methods[:-1]
    assert all(set(picture.outputs) == set(compared.methods) for picture in compared.pictures)


def test_others_change_no_figure_of_the_network_and_the_baselines(
    compared: Results, results: Results
) -> None:
    for method in results.methods:
        assert psnr(compared, method) == psnr(results, method)


@pytest.mark.parametrize("source", ["known", "estimated"])
@pytest.mark.parametrize("name", ["told", "second"])
def test_another_network_has_the_figures_that_it_has_alone(
    nearest_network: keras.Model, others: Any, scans: list[Scan], name: str, source: Any
) -> None:
    config = dataclasses.replace(ONE, sigma_source=source)
    beside = evaluate(nearest_network, scans[:1], config, against=others)
    alone = evaluate(others[name], scans[:1], config)
    assert psnr(beside, name) == psnr(alone, "model")


def test_scans_are_simulated_once_for_all(
    nearest_network: keras.Model, others: Any, scans: list[Scan], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []
    acquire = study.acquire

    def counted(volume: Any, sigma: float, config: Any) -> Any:
        calls.append(sigma)
        return acquire(volume, sigma, config)

    monkeypatch.setattr(study, "acquire", counted)
    evaluate(nearest_network, scans[:2], SMALL, against=others)
    assert calls == [0.0, 0.05] * 2


def test_the_network_less_each_other_one_is_paired_volume_by_volume(compared: Results) -> None:
    value = {
        (one.scan, one.method): one.value
        for one in volume_scores(compared)
        if (one.metric, one.region, one.sigma) == ("psnr", "head", 0.05)
    }
    gaps = [value[scan, "model"] - value[scan, "told"] for scan, method in value if method == "told"]
    row = lookup(differences(compared), contrast=ALL, sigma=0.05, region="head", metric="psnr", method="told")
    assert row.mean == pytest.approx(np.mean(gaps)) and len(gaps) == row.volumes == 4
    assert row.low is not None and row.high is not None and row.low <= row.mean <= row.high
    assert {*subject_differences(compared)["bert"]} == {*compared.rivals}


def measured(make_scan: Callable[..., Scan]) -> Scan:
    rng = np.random.default_rng(0)
    scan = make_scan(5, shape=(64, 64, 2))
    image = np.moveaxis(scan.voxels, 2, 0)[:, np.newaxis] / 600.0
    image = image + 0.03 * (rng.standard_normal(image.shape) + 1j * rng.standard_normal(image.shape))
    centred = np.fft.ifftshift(image, axes=(2, 3))
    kspace = np.fft.fftshift(np.fft.fft2(centred, norm="ortho"), axes=(2, 3))
    return dataclasses.replace(scan, kspace=kspace.astype(np.complex64))


def test_all_are_judged_by_the_same_measured_block(
    compared: Results,
    nearest_network: keras.Model,
    others: Any,
    make_scan: Callable[..., Scan],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    low_field = OuterBand.low_field

    def counted(band: OuterBand, image: Any, *views: Any) -> Any:
        calls.append(image)
        return low_field(band, image, *views)

    monkeypatch.setattr(OuterBand, "low_field", counted)
    scan = measured(make_scan)
    beside = with_measured_kspace(compared, nearest_network, scan, against=others).outer_band
    assert calls == ["magnitude", "in_phase"]
    alone = with_measured_kspace(compared, others["told"], scan).outer_band
    assert [score.method for score in beside[:7]] == ["complex zero-fill", *compared.methods]
    figures = [[one.recovered for one in beside if one.method == "told"]]
    figures += [[one.recovered for one in alone if one.method == "model"]]
    assert figures[0] == pytest.approx(figures[1], rel=1e-6)


def unread() -> Iterator[Scan]:
    pytest.fail("a scan was looked at before the refusal")
    yield


@pytest.mark.parametrize(
    "name", [*METHOD_LABELS, *METHOD_LABELS.values(), "the network", "lr", "HR", "Truth", "Low resolution"]
)
def test_a_name_that_stands_for_something_else_is_refused_in_one_line(
    nearest_network: keras.Model, name: str
) -> None:
    with pytest.raises(ConfigError, match=f"Received: {name}, .*[Rr]ename") as refused:
        evaluate(nearest_network, unread(), ONE, against={name: nearest_network})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "runs/first", "two\nlines", "n" * 101, "error-model", "_old"])
def test_a_name_that_no_picture_can_have_is_refused_in_one_line(
    nearest_network: keras.Model, name: str
) -> None:
    with pytest.raises(ConfigError, match="Expected names") as refused:
        evaluate(nearest_network, unread(), ONE, against={name: nearest_network})
    assert "\n" not in str(refused.value)


def test_names_that_differ_in_letter_case_alone_are_one(nearest_network: keras.Model) -> None:
    with pytest.raises(ConfigError, match="Received: Own, which"):
        evaluate(nearest_network, unread(), ONE, against={"own": nearest_network, "Own": nearest_network})


def test_networks_without_names_are_refused(nearest_network: keras.Model) -> None:
    with pytest.raises(ConfigError, match="from names to networks"):
        evaluate(nearest_network, unread(), ONE, against=[nearest_network])  # type: ignore[arg-type]


def test_a_network_of_another_scale_is_refused(nearest_network: keras.Model, compared: Results) -> None:
    lr = keras.Input((None, None, 1))
    larger = {"larger": keras.Model(lr, nearest_network(nearest_network(lr)))}
    calls: list[Callable[[], Results]] = [
        lambda: evaluate(nearest_network, unread(), ONE, against=larger),
        lambda: with_measured_kspace(compared, nearest_network, unread(), against=larger),
    ]
    for call in calls:
        with pytest.raises(
            ModelError, match=r"enlarge by 2.*Received: larger, which enlarges by 4"
        ) as refused:
            call()
        assert isinstance(refused.value, LfsrError) and "\n" not in str(refused.value)


def test_every_network_is_warned_of(nearest_network: keras.Model, scans: list[Scan], others: Any) -> None:
    config = dataclasses.replace(ONE, sigmas=(0.05,))
    model = TrainedModel(nearest_network, dataclasses.replace(INFO, sigma_range=(0.0, 0.02)))
    found = evaluate(model, scans[:1], config, against=others)
    assert [sentence.partition(" of the reference")[0] for sentence in found.warnings] == [
        "Noise of 0.05",
        "second: Noise of 0.05",
    ]


def test_scans_that_another_network_was_trained_on_are_counted(
    nearest_network: keras.Model, scans: list[Scan], tmp_path: Path
) -> None:
    nib.save(nib.Nifti1Image(scans[0].voxels, scans[0].affine), path := tmp_path / "a.nii.gz")
    info = dataclasses.replace(INFO, trained_on=(scan_mark(sha256_file(path)),))
    found = evaluate(nearest_network, path, ONE, against={"own": TrainedModel(nearest_network, info)})
    (warning,) = found.warnings
    assert warning.startswith("own: 1 of 1 scans were trained on")
    assert "trained_on" not in found.against["own"]


def test_dollar_signs_in_a_name_are_no_formula(nearest_network: keras.Model, scans: list[Scan]) -> None:
    name = r"a$\frac$"
    found = evaluate(nearest_network, scans[:1], SMALL, against={name: nearest_network})
    assert f">{name}</text>" in metric_curves(found, "psnr")


def test_figures_say_what_each_network_is(compared: Results) -> None:
    found: Any = to_json(compared)
    assert {*found["against"]} == {"told", "second"}
    assert found["against"]["told"]["takes_noise_level"] is True
    assert found["against"]["second"]["sigma_range"] == [0.0, 0.03]
    assert {row["method"] for row in found["differences"]} == {*compared.rivals}


def with_gains(results: Results, gains: dict[str, float]) -> Results:
    """Every method's PSNR in every slice: 20 dB and what is said of it."""
    scores = tuple(
        dataclasses.replace(score, psnr=20.0 + gains.get(score.method, 0.0)) for score in results.scores
    )
    return dataclasses.replace(results, scores=scores)


def test_the_headline_is_about_baselines_and_a_sentence_about_each_other_network(compared: Results) -> None:
    shown = with_gains(compared, {"model": 1.0, "told": 2.5, "second": 0.5})
    assert headline(verdicts(shown)) == (
        "In simulated low-field scans the network is closer to the truth than the best baseline at "
        "σ = 0 and 0.05."
    )
    assert standings(shown) == (
        "It is further from the truth than the network told at σ = 0 (−1.50 dB) and 0.05 (−1.50 dB).",
        "It is closer to the truth than the network second at σ = 0 (+0.50 dB) and 0.05 (+0.50 dB).",
    )
    assert all(verdict.gain == pytest.approx(1.0) for verdict in verdicts(shown))


def test_networks_whose_interval_holds_0_are_not_told_apart(compared: Results) -> None:
    even = with_gains(compared, {})
    assert standings(even)[0] == (
        "It is not to be told apart from the network told at σ = 0 (0.00 dB) and 0.05 (0.00 dB)."
    )


def test_without_others_there_is_no_such_sentence(results: Results) -> None:
    assert standings(results) == ()


def test_networks_are_told_apart_by_colour_and_marker_however_many_they_are(compared: Results) -> None:
    methods = compared.methods
    assert len({colour_of(method, methods) for method in methods}) == len(methods)
    assert len({marker_of(method, methods) for method in methods}) == len(methods)
    many = (*methods, *map(str, range(20)))
    assert len({(colour_of(method, many), marker_of(method, many)) for method in many}) == len(many)


def test_who_is_told_the_noise_is_said_of_each(compared: Results) -> None:
    assert noise_label(compared) == "Non-local means and told are told σ; the network and second are not."


def test_every_part_of_the_report_shows_every_network(compared: Results, tmp_path: Path) -> None:
    write_results(compared, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    tables = re.findall(r"<table[^>]* aria-label.*?</thead>", page, re.DOTALL)
    assert len(tables) == 2 * 6 + 2 + 1
    for name in ("told", "second"):
        assert all(f">{name}</th>" in table for table in tables)
        assert page.count(f'<option value="{name}">{name}</option>') == 2
        assert page.count(f">{name}</text>") == 3  # legends of PSNR, differences, SSIM
        assert f"<h3>{name}</h3>" in page and f"<dt>{name}</dt>" in page
        assert len(list((tmp_path / "pictures").glob(f"*_{name}.png"))) == len(compared.pictures)
    assert "Not described here." not in page
    assert "network minus other method" in page and "network − other method" in page
    assert all(sentence in page for sentence in standings(compared))


def test_a_report_of_one_network_speaks_of_no_other(results: Results, tmp_path: Path) -> None:
    write_results(results, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h2>Model</h2>" in page and "network minus baseline" in page
    assert "Networks" not in page and "other method" not in page
