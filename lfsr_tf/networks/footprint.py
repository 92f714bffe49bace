"""How many pixels a network may be given at once, by the memory that its maps take."""

from __future__ import annotations

from fractions import Fraction

import keras

from lfsr_tf.networks.receptive import layer_rates
from lfsr_tf.networks.self_ensemble import EightViews
from lfsr_tf.networks.tile_check import layers_of_ones_own
from lfsr_tf.networks.winograd import WinogradTiles

PIXELS_AT_ONCE = 65_536
"""LR pixels that any network is given at once: a slice of 256 x 256, or a batch of smaller ones."""
MOST_PIXELS_AT_ONCE = 262_144
"""LR pixels of one slice that a small network is given whole: 512 x 512."""

# The paper's network takes more for `PIXELS_AT_ONCE` pixels, 45 kB each: larger slices must not.
_MEMORY = 40_000 * PIXELS_AT_ONCE
# Float32, whatever the network computes in, so that tiles do not depend on the precision. Twice, since an
# operation copies what it reads or makes: joined, padded or cast. Measured on a CPU: 0.5 to 1.2 times this.
_BYTES_A_VALUE = 2 * 4
# Tiles of 4 x 4 places, one for 2 x 2 samples.
_PLACES_A_SAMPLE = 4
# The views of an image and its mirror images go through the network together.
_VIEWS_AT_ONCE = 4


def pixels_of_a_slice(model: keras.Model) -> int:
    """Most LR pixels of one slice that a network should be given at once, unless its user says otherwise.

    Args:
        model: A functional model of LR images [N, h, w, C].

    Returns:
        What fits into the memory that the paper's network takes for `PIXELS_AT_ONCE`, but at least this
        number and at most `MOST_PIXELS_AT_ONCE`. `PIXELS_AT_ONCE` for a network with layers of one's own,
        whose memory nobody knows.

    Raises:
        ModelError: The network has a layer whose grid is not known.
    """
    if layers_of_ones_own(model):
        return PIXELS_AT_ONCE
    fitting = int(_MEMORY / (_BYTES_A_VALUE * values_alive(model)))
    return min(max(fitting, PIXELS_AT_ONCE), MOST_PIXELS_AT_ONCE)


def values_alive(model: keras.Model) -> Fraction:
    """Most values that the maps of a network hold at once, for each LR pixel.

    Args:
        model: A functional model of LR images [N, h, w, C].

    Returns:
        Of all maps that are made already and still to be read, and those that a layer just makes.

    Raises:
        ModelError: The network has a layer whose grid is not known.
    """
    rows, columns = layer_rates(model, 0), layer_rates(model, 1)
    last_read = {
        id(maps): step for step, layer in enumerate(model.layers) for maps in keras.tree.flatten(layer.input)
    }
    alive: dict[int, Fraction] = {}
    most = Fraction(0)
    for step, layer in enumerate(model.layers):
        samples = rows[layer.name][1] * columns[layer.name][1] * _places(layer)
        alive.update((id(maps), samples * maps.shape[-1]) for maps in keras.tree.flatten(layer.output))
        most = max(most, sum(alive.values(), start=_inside(layer)))
        alive = {maps: values for maps, values in alive.items() if last_read.get(maps, step) > step}
    return most


def _places(layer: keras.layers.Layer) -> int:
    return _PLACES_A_SAMPLE if isinstance(layer, WinogradTiles) else 1


def _inside(layer: keras.layers.Layer) -> Fraction:
    """What the network inside a self-ensemble holds beside the ensemble's own maps."""
    return _VIEWS_AT_ONCE * values_alive(layer.network) if isinstance(layer, EightViews) else Fraction(0)
