"""Head and background masks."""

import numpy as np
import pytest

from lfsr_tf.evaluation.masks import background_mask, head_mask

RNG = np.random.default_rng(0)


def disc(radius: float, size: int = 96, centre: tuple[float, float] | None = None) -> np.ndarray:
    row, column = centre or (size / 2, size / 2)
    rows, columns = np.ogrid[:size, :size]
    return (rows - row) ** 2 + (columns - column) ** 2 < radius**2


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Dice coefficient."""
    return 2.0 * (first & second).sum() / (first.sum() + second.sum())


def test_the_mask_is_the_head() -> None:
    assert overlap(head_mask(0.6 * disc(30).astype(np.float32)), disc(30)) > 0.97


def test_dark_skull_and_ventricles_inside_the_head_are_filled() -> None:
    image = 0.6 * disc(30) - 0.6 * (disc(27) & ~disc(24)) - 0.6 * disc(6)
    assert overlap(head_mask(image.astype(np.float32)), disc(30)) > 0.97


def test_a_gap_in_the_skin_does_not_open_the_head() -> None:
    image = (0.6 * (disc(30) & ~disc(26)) + 0.6 * disc(20)).astype(np.float32)
    image[46:50, 70:] = 0.0
    assert overlap(head_mask(image), disc(30)) > 0.95


def test_a_skull_stripped_brain_is_its_own_mask() -> None:
    brain = disc(25) & ~disc(8, centre=(48, 23))
    assert overlap(head_mask((brain * 0.7).astype(np.float32)), brain) > 0.9


def test_only_the_largest_part_counts() -> None:
    image = (0.6 * disc(25) + 0.9 * disc(5, centre=(10, 10))).astype(np.float32)
    assert not head_mask(image)[:20, :20].any()


def test_background_noise_is_not_a_head() -> None:
    noise = np.hypot(*RNG.standard_normal((2, 96, 96))).astype(np.float32) * 0.03
    assert not head_mask(noise).any()
    assert overlap(head_mask(noise + 0.6 * disc(30).astype(np.float32)), disc(30)) > 0.95


def test_a_head_that_touches_the_border_is_not_eroded_there() -> None:
    image = 0.6 * disc(30, centre=(20, 48)).astype(np.float32)
    assert head_mask(image)[0, 40:56].all()


def test_slices_are_masked_one_by_one() -> None:
    images = np.stack([0.6 * disc(30), 0.0 * disc(30), 0.6 * disc(10)]).astype(np.float32)
    together = head_mask(images)
    assert not together[1].any()
    np.testing.assert_array_equal(together[2], head_mask(images[2]))


@pytest.mark.parametrize("size", [64, 128])
def test_the_background_keeps_a_margin_that_scales_with_the_matrix(size: int) -> None:
    image = 0.6 * disc(0.3 * size, size).astype(np.float32)
    background = background_mask(image[None])[0]
    assert not (background & disc(0.3 * size + 0.04 * size, size)).any()
    assert background[~disc(0.3 * size + 0.12 * size, size)].all()
