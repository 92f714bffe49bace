"""Self-ensemble: the mean of a network's results for an image and its seven mirrored and transposed views.

Source: Timofte et al., "Seven Ways to Improve Example-Based Single Image Super Resolution", CVPR 2016. Eight
times the work, no training. It is a network like any other, with the weights of the one inside.

An LR sample lies at the first of its HR samples. Seen in a mirror it lies at the last, so a mirrored result
is moved by scale - 1 samples; those it then lacks at its end come from the result that was not mirrored.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks.interface import scale_of
from lfsr_tf.networks.receptive import grid_stride, receptive_radius


@keras.saving.register_keras_serializable(package="lfsr_tf")
class EightViews(keras.layers.Layer):
    """Apply a network to eight views of [N, h, w, C] and average what comes back.

    Args:
        network: A functional model from [N, h, w, C] to [N, s h, s w, 1].

    Raises:
        ModelError: It is another kind of model, or has a layer whose reach is not known.
    """

    def __init__(self, network: keras.Model, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.network = network
        self.upsampling = scale_of(network)
        self.grid_stride = grid_stride(network)
        self._radius = receptive_radius(network)

    def call(self, lr: Any) -> Any:
        """[N, h, w, C] -> [N, s h, s w, 1]."""
        upright = self._four_views(lr)
        transposed = ops.transpose(self._four_views(ops.transpose(lr, (0, 2, 1, 3))), (0, 2, 1, 3))
        return (upright + transposed) / 2.0

    def _four_views(self, lr: Any) -> Any:
        """The mean over the image and its mirror images along rows, columns and both."""
        down = ops.flip(lr, axis=1)
        views = ops.concatenate([lr, down, ops.flip(lr, axis=2), ops.flip(down, axis=2)], axis=0)
        plain, rows, columns, both = ops.split(self.network(views), 4, axis=0)
        # Both pairs differ in their rows alone; their means differ in their columns alone.
        return self._mean(self._mean(plain, rows, axis=1), self._mean(columns, both, axis=1), axis=2)

    def _mean(self, plain: Any, mirrored: Any, axis: int) -> Any:
        """Mean of a result and the result for the mirrored image, brought back to the same places."""
        moved = self.upsampling - 1
        back = ops.flip(mirrored, axis=axis)
        if axis == 1:
            back = ops.concatenate([back[:, moved:], plain[:, -moved:]], axis=1)
        else:
            back = ops.concatenate([back[:, :, moved:], plain[:, :, -moved:]], axis=2)
        return (plain + back) / 2.0

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The rows and columns times s."""
        batch, height, width, _ = input_shape
        scale = self.upsampling
        return batch, height and scale * height, width and scale * width, 1

    def input_range(self, sample: int) -> range:
        """Input samples that one output sample reads, along either axis: a mirror image reads one farther."""
        place = sample // self.upsampling
        return range(place - self._radius - 1, place + self._radius + 2)

    def get_config(self) -> dict[str, Any]:
        """Plain values from which the layer is built again."""
        return {**super().get_config(), "network": keras.saving.serialize_keras_object(self.network)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> EightViews:
        """Build the layer and the network in it."""
        return cls(keras.saving.deserialize_keras_object(config.pop("network")), **config)


def network_inside(model: keras.Model) -> keras.Model:
    """The network that a self-ensemble averages; any other network is itself."""
    return next((layer.network for layer in model.layers if isinstance(layer, EightViews)), model)


def SelfEnsemble(**settings: Any) -> keras.Model:  # noqa: N802 - named like the networks it stands among
    """Build a network that averages another one over eight views.

    Args:
        **settings: `of`, the name of the network inside ("ResidualSR"), and that network's own settings.

    Returns:
        A functional model like the one inside; its weights are those of the one inside, in the same order.

    Raises:
        ConfigError: There is no such network, or a setting of it is unknown.
        ModelError: The network inside is not functional, does not take images of any size, or has a layer
            whose reach is not known.
    """
    from lfsr_tf.networks.registry import build_network

    of = settings.pop("of", "ResidualSR")
    if not isinstance(of, str) or of == "SelfEnsemble":
        raise ConfigError(f"Expected of to be the name of a network to average. Received: of={of!r}.")
    network = build_network(of, **settings)
    views = EightViews(network, dtype="float32", name="views")
    given = keras.Input(network.input_shape[1:], name="lr")
    return keras.Model(given, views(given), name="self_ensemble")
