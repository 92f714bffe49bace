from dataclasses import replace

import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.hashing import stable_fraction
from lfsr_tf.pairs import PairsConfig
from lfsr_tf.pairs.preparing.sources import SPLITS, Source, check_sources, images_of, volumes_of
from lfsr_tf.pairs.preparing.splits import check_disjoint, sides_of_subjects, split_of_subject

SUBJECTS = [f"sub-{number:04d}" for number in range(2000)]


def index_of(subject: str, slices: int = 3) -> dict[str, object]:
    volume = {
        "subject": subject,
        "contrast": "T1w",
        "reference": 100.0,
        "hr_size": 32,
        "spacing_mm": [1.0, 1.0],
        "affine": [[1.0, 0.0, 0.0, 0.0]] * 4,
        "slices": list(range(slices)),
        "capacity": [9] * slices,
    }
    return {"volumes": [volume]}


def test_a_subjects_side_does_not_depend_on_the_others() -> None:
    sides = {subject: split_of_subject(subject, 0.2) for subject in SUBJECTS}
    assert sides == {subject: split_of_subject(subject, 0.2) for subject in reversed(SUBJECTS)}
    # Pinned: another machine or version must split the same way.
    assert [name for name in SUBJECTS[:20] if sides[name] == "validation"] == [
        "sub-0004",
        "sub-0008",
        "sub-0012",
        "sub-0013",
        "sub-0014",
    ]


def test_another_spelling_of_a_subject_shares_the_side_of_the_first_in_order() -> None:
    fraction = parting("Anna01", "anna01")
    both = sides_of_subjects(["anna01", "Anna01", "bob"], fraction)
    assert both["anna01"] == both["Anna01"] == split_of_subject("Anna01", fraction)
    assert both["anna01"] != sides_of_subjects(["anna01"], fraction)["anna01"]
    assert both["bob"] == split_of_subject("bob", fraction)


def test_the_fraction_is_that_of_the_subjects() -> None:
    chosen = sum(split_of_subject(subject, 0.2) == "validation" for subject in SUBJECTS)
    assert abs(chosen - 400) < 5 * 18  # five standard deviations


def test_a_larger_fraction_only_moves_subjects_to_validation() -> None:
    small, large = ({s for s in SUBJECTS if split_of_subject(s, part) == "validation"} for part in (0.1, 0.3))
    assert small < large


def test_all_scans_of_a_subject_go_to_one_side() -> None:
    sources = [
        Source(f"{subject}_{visit}", "", "auto", sha256=f"{subject}{visit}")
        for subject in SUBJECTS[:50]
        for visit in "ab"
    ]
    indices = {number: index_of(SUBJECTS[number // 2]) for number in range(100)}
    volumes = volumes_of(sources, indices, PairsConfig(validation_fraction=0.3))
    sides = {side: {v.subject for v in volumes if v.split == side} for side in ("train", "validation")}
    assert sides["train"] and sides["validation"]
    assert not sides["train"] & sides["validation"]


def test_a_subject_named_for_both_sides_is_refused() -> None:
    sources = [Source("a", "", "train", sha256="1"), Source("b", "", "validation", sha256="2")]
    with pytest.raises(ConfigError, match=r"subject on one side.*sub-7"):
        volumes_of(sources, {0: index_of("sub-7"), 1: index_of("sub-7")}, PairsConfig())


def test_one_scan_under_two_names_on_both_sides_is_refused() -> None:
    with pytest.raises(ConfigError, match="scan on one side"):
        check_sources([Source("a", "", "train", sha256="same"), Source("b", "", "validation", sha256="same")])


def test_different_scans_of_one_name_may_be_on_both_sides() -> None:
    check_sources([Source("a", "", "train", sha256="1"), Source("a", "", "validation", sha256="2")])


def test_one_scan_of_one_subject_under_two_names_is_refused() -> None:
    named = [Source(name, name, "train", subject="sub-1", sha256="same") for name in "ab"]
    with pytest.raises(ConfigError, match=r"every scan once\. Received: a and b, which are equal"):
        check_sources(named)
    unnamed = [Source(name, name, "train", sha256="same") for name in "ab"]
    check_sources(unnamed)
    config = PairsConfig(validation_fraction=0.0)
    with pytest.raises(ConfigError, match=r"every scan once\. Received: a and b, which are equal"):
        volumes_of(unnamed, {0: index_of("sub-1"), 1: index_of("sub-1")}, config)
    assert len(volumes_of(unnamed, {0: index_of("sub-1"), 1: index_of("sub-2")}, config)) == 2


def test_one_scan_of_two_people_that_a_hash_parts_is_refused() -> None:
    sources = [Source("a", "", "auto", sha256="same"), Source("b", "", "auto", sha256="same")]
    indices = {0: index_of("sub-0001"), 1: index_of("sub-0004")}
    with pytest.raises(ConfigError, match=r"scan on one side only\. Received: b in both"):
        volumes_of(sources, indices, PairsConfig(validation_fraction=0.2))


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(ConfigError, match="none of them for validation"):
        volumes_of(
            [Source("a", "", "auto", sha256="1")],
            {0: index_of("sub-0001")},
            PairsConfig(validation_fraction=1e-9),
        )


@pytest.mark.parametrize("fraction", [1e-9, 1 - 1e-9])
def test_scans_of_one_subject_alone_that_a_hash_cannot_part_are_told_of(fraction: float) -> None:
    config = PairsConfig(validation_fraction=fraction)
    one = "Received: all 3 scans are of one subject, {}, none of them for {}"
    missing = "validation" if fraction < 0.5 else "train"
    for subject, as_told in (("study", ", as far as their names tell"), ("sub-01", ""), ("Doe", "")):
        sources = [Source(n, f"/study/sub-01_{n}.nii", "auto", sha256=n) for n in "abc"]
        with pytest.raises(ConfigError) as told:
            volumes_of(sources, {number: index_of(subject) for number in range(3)}, config)
        assert one.format(subject + as_told, missing) in str(told.value)
        assert "manifest with a column subject" in str(told.value) and "\n" not in str(told.value)
    stated = [replace(source, subject="Doe") for source in sources]
    with pytest.raises(ConfigError, match=f"Received: Doe, none of them for {missing}. Name validation"):
        volumes_of(stated, {number: index_of("Doe") for number in range(3)}, config)


def test_no_validation_can_be_asked_for() -> None:
    volumes = volumes_of(
        [Source("a", "", "auto", sha256="1")], {0: index_of("s")}, PairsConfig(validation_fraction=0.0)
    )
    assert {volume.split for volume in volumes} == {"train"}


def test_whole_slices_must_have_one_size() -> None:
    indices = {0: index_of("a"), 1: index_of("b")}
    indices[1]["volumes"][0]["hr_size"] = 24
    sources = [Source("a", "", "train", sha256="1"), Source("b", "", "train", sha256="2")]
    config = PairsConfig(hr_size=32, lr_patch=0, validation_fraction=0.0)
    with pytest.raises(ConfigError, match="24, 32"):
        volumes_of(sources, indices, config)


def test_noise_copies_have_different_keys() -> None:
    volumes = volumes_of(
        [Source("a", "", "train", sha256="1")], {0: index_of("s")}, PairsConfig(validation_fraction=0.0)
    )
    images = images_of(volumes, PairsConfig(noise_copies=4))
    assert len({image.key for image in images}) == len(images) == 12


def test_a_long_list_of_offenders_is_cut() -> None:
    names = [f"s{n}" for n in range(9)]
    with pytest.raises(ConfigError, match="and 4 more"):
        check_disjoint({"train": names, "validation": names}, "subject")


def automatic(*names: str) -> list[Source]:
    return [Source(name, f"/data/{name}_T1.nii.gz", "auto", sha256=name) for name in names]


def sides_of(sources: list[Source], subjects: list[str], fraction: float = 0.5) -> dict[str, str]:
    indices = {number: index_of(subject) for number, subject in enumerate(subjects)}
    volumes = volumes_of(sources, indices, PairsConfig(validation_fraction=fraction))
    return {volume.subject: volume.split for volume in volumes}


def parting(one: str, other: str) -> float:
    """A fraction of validation that puts the two on different sides."""
    return sum(stable_fraction("split", name) for name in (one, other)) / 2


def test_a_subject_on_both_sides_is_refused_in_any_spelling() -> None:
    with pytest.raises(ConfigError, match=r"Received: Anna01/anna01 in both"):
        check_disjoint({"train": ["Anna01", "b"], "validation": ["anna01"]}, "subject")
    sources = [Source("a", "", "train", sha256="1"), Source("b", "", "validation", sha256="2")]
    with pytest.raises(ConfigError, match=r"Received: Anna01/anna01 in both"):
        volumes_of(sources, {0: index_of("anna01"), 1: index_of("Anna01")}, PairsConfig())


def test_spellings_of_a_subject_get_one_side_and_a_single_one_keeps_its_own() -> None:
    people = [f"{name}{number:02d}" for name in ("Anna", "anna") for number in range(40)]
    sides = sides_of(automatic(*people), people)
    assert all(sides[name] == sides[name.lower()] for name in people)
    alone = [name for name in people if name[0] == "A"]
    assert sides_of(automatic(*alone), alone) == {name: split_of_subject(name, 0.5) for name in alone}


ALIKE = [("smith-early", "smith-late"), ("Smith", "Smith-2"), ("anna01", "anna01b"), ("p07-rest", "p07-task")]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_people_on_both_sides_whose_names_differ_by_a_short_tail_are_named(one, other, caplog) -> None:
    subjects = [one, other, *SUBJECTS[:40]]
    sides_of(automatic(*subjects), subjects, parting(one, other))
    (record,) = caplog.records
    told = record.getMessage()
    assert record.levelname == "WARNING"
    assert all(word in told for word in (one, other, "manifest", "folder")) and "\n" not in told


def test_many_pairs_of_names_alike_are_one_line(caplog) -> None:
    people = [f"{name}-{word}" for name in "abcdefgh" for word in ("early", "late")]
    sides_of(automatic(*people), people)
    (record,) = caplog.records
    assert "(one of " in record.getMessage()


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_alike_on_one_side_pass_without_a_word(one, other, caplog) -> None:
    lowest = min(stable_fraction("split", name) for name in (one, other))
    subjects = [one, other, *SUBJECTS]
    sides_of(automatic(*subjects), subjects, lowest / 2)
    assert not caplog.records


@pytest.mark.parametrize(("one", "other"), [*ALIKE, ("sub-01a", "sub-01b")])
def test_people_whom_more_than_names_of_files_tells_pass_without_a_word(one, other, caplog) -> None:
    subjects, fraction = [one, other], parting(one, other)
    listed = automatic(*subjects)
    sides_of([replace(source, subject=source.name) for source in listed], subjects, fraction)
    sides_of([replace(source, path="/data/IM1") for source in listed], subjects, fraction)
    sides_of([replace(source, split=side) for source, side in zip(listed, SPLITS, strict=True)], subjects)
    if one.startswith("sub-"):
        sides_of(listed, subjects, fraction)
    assert not caplog.records


@pytest.mark.parametrize(
    "names",
    [
        [f"sub-{n:02d}" for n in range(1, 40)] + ["sub-011"],
        [f"p{n}" for n in range(1, 40)],
        [f"IXI{n:03d}-Guys-{n + 700:04d}" for n in range(40)],
        [f"hku{letter}{n}A" for letter in "FM" for n in range(20)],
        [f"brain-{n:03d}" for n in range(40)],
        [f"002-S-{n:04d}" for n in range(40)],
        [f"study-{word}" for word in ("anna", "bob", "carl", "dora", "emil", "frida", "gus", "hanna")],
        ["uihA", "uihB", "adi", "cstar", "seg3d", "fpg", "msL01", "msL03", "msX07", "msX19", "datalad02"],
        ["smith", "jones", "brown", "lee", "smithson", "li", "lin", "ann", "anna", "annabel"],
    ],
    ids=lambda names: names[0],
)
def test_usual_sets_pass_without_a_word(names, caplog) -> None:
    for fraction in (0.2, 0.5):
        sides_of(automatic(*names), names, fraction)
    assert not caplog.records
