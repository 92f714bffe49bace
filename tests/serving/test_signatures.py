"""What each signature makes of its inputs, in Python; `test_cpp_loader` has the C++ loader's view."""

import io
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from lfsr_tf.physics.fourier import fft2c
from lfsr_tf.physics.noise import TYPICAL_NOISE_LEVEL
from lfsr_tf.physics.phase import in_phase_image
from lfsr_tf.physics.views import between_samples, mean_of_views, offsets
from lfsr_tf.serving.signatures import SIGNATURES
from lfsr_tf.serving.signatures.graph import MOST_IMAGES, PIXELS_AT_ONCE, Enhance, in_parts
from tests.memory import memory_now, memory_peak

SIGMA = 0.03


def double(images: tf.Tensor, levels: tf.Tensor) -> tf.Tensor:
    return tf.repeat(tf.repeat(images, 2, axis=1), 2, axis=2)


def brightness(images: tf.Tensor, levels: tf.Tensor) -> tf.Tensor:
    """A network that answers with its input's maximum: what it was given can be read from what it gives."""
    return double(tf.zeros_like(images) + tf.reduce_max(images, axis=[1, 2, 3], keepdims=True), levels)


def told(images: tf.Tensor, levels: tf.Tensor) -> tf.Tensor:
    """A network that answers with the noise level that it was told."""
    return double(tf.zeros_like(images) + levels[:, None, None, None], levels)


@cache
def built(name: str, network: Enhance) -> tf.types.experimental.ConcreteFunction:
    """A signature of one of these networks, traced once: that takes most of a test's time."""
    return SIGNATURES[name].build(network)


def scan(shape: tuple[int, int] = (64, 48), count: int = 3) -> np.ndarray:
    """Complex images [N, H, W]: a disc of brightness 1 with a smooth phase, and noise."""
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    disc = 1.0 / (1.0 + np.exp(30 * (np.hypot(rows, columns) - 0.6)))
    noise = np.random.default_rng(0).normal(0, SIGMA, (count, *shape, 2)) @ [1, 1j]
    return (disc * np.exp(2j * columns) + noise).astype(np.complex64)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).random((3, 18, 15, 1)).astype(np.float32)


def test_each_image_is_normalised_by_its_own_reference(images: np.ndarray) -> None:
    scaled = images * np.array([1, 50, 0.01], np.float32)[:, None, None, None]
    serve = built("serving_default", brightness)
    result = serve(image=tf.constant(scaled))["sr"].numpy()
    # Maximum over reference, times reference: the maximum again, in each image's own unit.
    np.testing.assert_allclose(result[:, 0, 0, 0], scaled.max(axis=(1, 2, 3)), rtol=1e-5)


def test_a_volume_is_normalised_as_a_whole() -> None:
    volume = np.abs(scan()) * np.array([1, 5, 0.1])[:, None, None]
    serve = SIGNATURES["volume"].build(lambda batch, levels: double(tf.square(batch), levels))
    result = serve(volume=tf.constant(volume, tf.float32))["sr"].numpy()
    reference = np.percentile(volume, 99.9)
    np.testing.assert_allclose(result[:, ::2, ::2], volume**2 / reference, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 70])
def test_a_volume_of_any_number_of_slices_keeps_their_order(count: int) -> None:
    # 32 slices of 64 x 32 are one part.
    assert PIXELS_AT_ONCE == 32 * 64 * 32
    most: list[int] = []

    def network(batch: tf.Tensor, levels: tf.Tensor) -> tf.Tensor:
        tf.py_function(lambda size: most.append(int(size)), [tf.shape(batch)[0]], [])
        return double(batch, levels)

    volume = np.random.default_rng(0).random((count, 64, 32)).astype(np.float32)
    result = SIGNATURES["volume"].build(in_parts(network))(volume=tf.constant(volume))["sr"].numpy()
    np.testing.assert_allclose(result[:, ::2, ::2], volume, rtol=1e-5)
    assert max(most) == min(count, 32) and sum(most) == count


def test_the_answer_of_one_image_does_not_depend_on_the_batch(images: np.ndarray) -> None:
    serve = SIGNATURES["serving_default"].build(lambda batch, levels: double(tf.square(batch), levels))
    together = serve(image=tf.constant(images))["sr"].numpy()
    alone = [serve(image=tf.constant(images[index : index + 1]))["sr"].numpy() for index in range(3)]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-6)


@pytest.mark.parametrize("shape", [(18, 15), (17, 20), (16, 16)])
def test_k_space_gives_the_part_in_phase(shape: tuple[int, int]) -> None:
    image = scan(shape)
    samples = fft2c(tf.constant(image)).numpy()[..., np.newaxis]
    expected = mean_of_views(
        {
            offset: double(in_phase_image(between_samples(image[:, None], offset, 2))[..., None], None)[
                ..., 0
            ]
            for offset in offsets(2)
        }
    )
    parts = built("kspace", double)(real=tf.constant(samples.real), imaginary=tf.constant(samples.imag))
    whole = built("kspace_complex", double)(kspace=tf.constant(samples))
    np.testing.assert_allclose(parts["sr"][..., 0], expected, atol=1e-5)
    np.testing.assert_array_equal(parts["sr"], whole["sr"])


def answered(name: str, network: Enhance, inputs: Mapping[str, Any]) -> np.ndarray:
    """The images [N, s H, s W] that a signature makes of its inputs with one of these networks."""
    outputs = built(name, network)(**{key: tf.constant(value) for key, value in inputs.items()})
    return SIGNATURES[name].images({key: value.numpy() for key, value in outputs.items()})


def unit(name: str, images: np.ndarray) -> np.ndarray:
    """What a signature multiplies magnitudes [N, H, W] by: [N, 1, 1], from what comes back unchanged."""
    back = answered(name, double, SIGNATURES[name].example(images))
    return back.max(axis=(1, 2), keepdims=True) / images.max(axis=(1, 2), keepdims=True)


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_the_network_is_told_the_noise_of_what_it_sees(name: str) -> None:
    image = scan((96, 96))
    samples = fft2c(tf.constant(image)).numpy()[..., None]
    raw = {"kspace": {"real": samples.real, "imaginary": samples.imag}, "kspace_complex": {"kspace": samples}}
    found = answered(name, told, raw.get(name) or SIGNATURES[name].example(np.abs(image)))
    # `told` answers with the level, which is multiplied by the reference: sigma, in the unit of the input.
    np.testing.assert_allclose(found[:, :1, :1] / unit(name, np.abs(image)), SIGMA, rtol=0.12)


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_small_images_are_taken_to_have_typical_noise(name: str) -> None:
    images = np.full((2, 6, 6), 3.0, np.float32)
    found = answered(name, told, SIGNATURES[name].example(images))
    np.testing.assert_allclose(found / unit(name, images), 3.0 * TYPICAL_NOISE_LEVEL, rtol=0.02)


def test_pictures_of_any_depth_and_colour_come_back_as_16_bit_grey() -> None:
    ramp = np.tile(np.arange(16, dtype=np.uint8) * 16, (12, 1))
    files = {
        "8 bits": tf.io.encode_png(ramp[..., None]),
        "16 bits": tf.io.encode_png(ramp[..., None].astype(np.uint16) * 257),
        "colour": tf.io.encode_png(np.repeat(ramp[..., None], 3, axis=-1)),
    }
    serve = built("png", double)
    answers = serve(png_bytes=tf.stack(list(files.values())))["sr_png_bytes"].numpy()
    for name, answer in zip(files, answers, strict=True):
        assert answer.startswith(b"\x89PNG"), name
        assert answer[24] == 16  # bits, in the header
        picture = tf.io.decode_png(answer, dtype=tf.uint16).numpy()
        assert picture.shape == (24, 32, 1)
        # Colours are weighted and rounded by the decoder.
        np.testing.assert_allclose(picture[::2, ::2, 0], ramp.astype(float) * 257, atol=700)


def test_what_is_brighter_than_white_is_cut_and_does_not_wrap() -> None:
    white = tf.io.encode_png(np.full((8, 8, 1), 65_000, np.uint16))
    serve = SIGNATURES["png"].build(lambda batch, levels: double(batch * 1.5, levels))
    picture = tf.io.decode_png(serve(png_bytes=white[None])["sr_png_bytes"][0], dtype=tf.uint16)
    assert set(np.unique(picture)) == {65_535}


JPEG = tf.io.encode_jpeg(np.zeros((8, 8, 1), np.uint8)).numpy()


def test_colours_become_luminance_one_bit_black_and_white_and_transparency_is_left_out() -> None:
    colour = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]], np.uint8)
    files, read = [], [0.299, 0.587, 0.114, 0.0]
    for mode in ("RGB", "RGBA"):
        picture = Image.fromarray(np.tile(colour, (2, 1, 1))).convert(mode)
        if mode == "RGBA":
            picture.putalpha(60)
        files.append(picture)
    files.append(Image.fromarray(np.tile([True, False, True, False], (2, 1))))
    given = [io.BytesIO() for _ in files]
    for picture, stream in zip(files, given, strict=True):
        picture.save(stream, "png")
    answers = built("png", double)(png_bytes=tf.constant([stream.getvalue() for stream in given]))
    rows = [
        tf.io.decode_png(answer, dtype=tf.uint16)[0, ::2, 0] for answer in answers["sr_png_bytes"].numpy()
    ]
    expected = [read, read, [1.0, 0.0, 1.0, 0.0]]
    np.testing.assert_allclose(np.stack(rows) / 65_535, expected, atol=5e-3)


PNG = tf.io.encode_png(np.zeros((8, 8, 1), np.uint8)).numpy()
# A comment first, so that zeros stand where a PNG file has its size.
HIDDEN = b"\xff\xd8\xff\xfe\x00\x2a" + b"\0" * 40 + JPEG[2:]


@pytest.mark.parametrize("file", [JPEG, HIDDEN, b"", b"\x89PNG", PNG[:23], b"x" * 100])
def test_other_files_than_png_are_refused_before_they_are_unpacked(file: bytes) -> None:
    serve = built("png", double)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected PNG files in png_bytes"):
        serve(png_bytes=tf.constant([file]))


def zeros(name: str, shape: tuple[int, int, int]) -> dict[str, tf.Tensor]:
    """Inputs of a signature that stand for empty images."""
    if name == "png":
        file = tf.io.encode_png(np.zeros((*shape[1:], 1), np.uint8)).numpy()
        return {"png_bytes": tf.constant([file] * shape[0])}
    inputs = SIGNATURES[name].example(np.zeros(shape, np.float32))
    return {key: tf.constant(value) for key, value in inputs.items()}


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_a_thin_image_counts_as_64_pixels_along_each_axis(name: str) -> None:
    # Of one row U-Nets make as many as their coarsest grid needs: it took twice the memory of a square.
    built(name, double)(**zeros(name, (1, 1, 4096)))
    for shape in [(1, 4097), (4097, 1)]:
        with pytest.raises(tf.errors.InvalidArgumentError, match="at most 262144 pixels"):
            built(name, double)(**zeros(name, (1, *shape)))


@pytest.mark.parametrize("name", ["serving_default", "kspace"])
def test_many_large_images_are_measured_a_few_at_a_time(name: str) -> None:
    # The blocks of an image are compared all with all: 200 MB where it is of 512 x 512.
    inputs = zeros(name, (8, 512, 512))
    serve = built(name, told)
    before = memory_now()
    serve(**inputs)
    assert memory_peak() - before < 800e6


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_more_images_than_a_request_may_have_are_refused(name: str) -> None:
    # However small: a million of one pixel, four megabytes, kept a server busy for half a minute.
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"at most {MOST_IMAGES} images"):
        built(name, double)(**zeros(name, (MOST_IMAGES + 1, 1, 1)))


def test_the_smallest_pictures_share_the_limit_of_their_number() -> None:
    answer = built("png", double)(**zeros("png", (MOST_IMAGES, 1, 1)))
    assert len(answer["sr_png_bytes"]) == MOST_IMAGES
    with pytest.raises(tf.errors.InvalidArgumentError, match="pixels in all files"):
        built("png", double)(**zeros("png", (65, 1, 4096)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["serving_default", "kspace", "kspace_complex", "volume"])
def test_values_that_are_not_finite_are_refused(name: str, value: float) -> None:
    example = SIGNATURES[name].example(np.ones((2, 16, 16), np.float32))
    key, array = next(iter(example.items()))
    spoilt = array.copy()
    spoilt[1, 2, 3] = value
    inputs = {**example, key: spoilt}
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"Expected finite values in {key}"):
        built(name, double)(**{each: tf.constant(array) for each, array in inputs.items()})


def test_every_signature_says_what_it_takes_and_gives() -> None:
    for name, signature in SIGNATURES.items():
        example = signature.example(np.ones((1, 16, 16), np.float32))
        outputs = built(name, double)(**{key: tf.constant(value) for key, value in example.items()})
        assert all(key in signature.description for key in (*example, *outputs)), name
