"""Hashes: the published values, and the same numbers everywhere."""

import os
import socket
from pathlib import Path

import pytest

from lfsr_tf.hashing import sha256_file, stable_fraction, stable_seed


def test_sha256_is_the_published_one(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    # FIPS 180-2, example B.1.
    assert sha256_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def no_file(kind: str, path: Path) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.relpath(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_what_is_no_regular_file_is_refused_without_waiting_for_it(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "scan.nii"
    no_file(kind, path)
    with pytest.raises(OSError, match="not a regular file") as error:
        sha256_file(path)
    assert error.value.filename == str(path)


def test_seeds_are_stable_and_depend_on_every_part() -> None:
    assert stable_seed(0, "sub-01", "T1w", 7, 0) == stable_seed(0, "sub-01", "T1w", 7, 0)
    seeds = {
        stable_seed(seed, subject, slice_, copy)
        for seed in range(3)
        for subject in ("a", "b")
        for slice_ in range(20)
        for copy in range(3)
    }
    assert len(seeds) == 3 * 2 * 20 * 3
    assert stable_seed("ab", "c") != stable_seed("a", "bc")
    assert all(-(2**31) <= number < 2**31 for seed in seeds for number in seed)


def test_fractions_are_spread_evenly() -> None:
    fractions = [stable_fraction("subject", number) for number in range(4000)]
    assert all(0.0 <= fraction < 1.0 for fraction in fractions)
    counts = [sum(int(fraction * 10) == tenth for fraction in fractions) for tenth in range(10)]
    # Four standard deviations of a binomial count around 400.
    assert all(abs(count - 400) < 80 for count in counts)


def test_names_that_are_no_utf8_have_seeds() -> None:
    assert stable_seed("M\udcfcller") != stable_seed("Muller")
