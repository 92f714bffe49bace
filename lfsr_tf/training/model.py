"""The network of a run, compiled, and the check that it fits the pairs."""

from __future__ import annotations

import keras

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks import PSNR, build_loss, build_network
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.devices import Devices
from lfsr_tf.training.optimizer import build_optimizer
from lfsr_tf.training.sources import PairSource


def build_compiled_model(
    config: TrainConfig, source: PairSource, devices: Devices
) -> tuple[keras.Model, keras.Model]:
    """Build the network with its optimiser, loss and PSNR.

    Args:
        config: Settings of the run.
        source: The pairs it will see.
        devices: Where it will compute.

    Returns:
        A compiled model with its optimiser's variables made, ready to restore or to fit, and the network in
        it, of the same variables, to save: its file names a class of Keras, as that of several devices' model
        does not.

    Raises:
        ConfigError: The network, its settings or the loss are unknown, or the network does not turn the
            source's LR shape into its HR shape.
    """
    with devices.scope():
        network = build_network(config.network, **config.network_settings)
    _check_fits(network, config, source)
    model = devices.fitted(network)
    with devices.scope():
        model.compile(
            optimizer=build_optimizer(config, source.steps_per_epoch, devices.replicas),
            loss=build_loss(dict(config.loss)),
            metrics=[PSNR(name="psnr")],
            jit_compile=config.jit_compile,
            steps_per_execution=config.steps_per_execution,
        )
        # Keras wraps the optimiser for float16, so build the one that the model holds.
        model.optimizer.build(model.trainable_variables)
        if network is not model:
            # The network is what is saved, with its optimiser.
            network.compile(optimizer=model.optimizer, loss=model.loss)
    return model, network


def _check_fits(model: keras.Model, config: TrainConfig, source: PairSource) -> None:
    expected = tuple(source.hr_shape)
    try:
        received = tuple(model.compute_output_shape((None, *source.lr_shape))[1:])
    except ValueError as error:
        raise ConfigError(
            f"Expected a network for LR images of {source.lr_shape}. Received: {config.network}, which does "
            "not take them. Prepare other records or choose another network."
        ) from error
    if received != expected:
        raise ConfigError(
            f"Expected a network that turns LR {source.lr_shape} into HR {expected}, as the records have "
            f"them. Received: {config.network}, which makes {received}. Set network_settings.scale, or "
            "prepare other records."
        )
