"""Running a trained model in another precision than it was trained in."""

from __future__ import annotations

import dataclasses

from lfsr_tf.errors import ConfigError
from lfsr_tf.networks.registry import NETWORKS, build_network
from lfsr_tf.networks.trained import TrainedModel
from lfsr_tf.precision import dtype_policy, native_policy

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


def recast(trained: TrainedModel, policy: str) -> TrainedModel:
    """The same weights in a network of another Keras dtype policy; weights and output stay float32.

    Args:
        trained: From `load_model`.
        policy: "float32", "mixed_bfloat16", "mixed_float16", or "auto": as it was trained, but float32
            instead of bfloat16 where the processor would have to emulate that.

    Returns:
        The model itself where nothing changes, otherwise a new one.

    Raises:
        ConfigError: The policy is unknown, or the network is not one of `NETWORKS` and so cannot be built
            again.
    """
    own = trained.info.network not in NETWORKS
    if policy == "auto" and not own:
        policy = native_policy(trained.info.dtype_policy)
    if policy in ("auto", trained.info.dtype_policy):
        return trained
    if policy not in POLICIES:
        raise ConfigError(f"Expected a dtype among auto, {', '.join(POLICIES)}. Received: {policy!r}.")
    if own:
        raise ConfigError(
            f"Expected a network among {', '.join(NETWORKS)} to change its dtype. "
            f"Received: {trained.info.network}. Leave the dtype at auto."
        )
    with dtype_policy(policy):
        model = build_network(trained.info.network, **trained.info.settings)
    model.set_weights(trained.model.get_weights())
    return TrainedModel(model, dataclasses.replace(trained.info, dtype_policy=policy))
