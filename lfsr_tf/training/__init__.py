"""Training: one frozen configuration, presets as TOML, and a Keras `fit` that survives kill -9."""

from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.fit import train
from lfsr_tf.training.hosts import Hosts, HostsError, find_hosts
from lfsr_tf.training.presets import list_presets, load_preset
from lfsr_tf.training.progress import EpochReport, TrainProgress
from lfsr_tf.training.run_folder import TrainedRun

__all__ = [
    "EpochReport",
    "Hosts",
    "HostsError",
    "TrainConfig",
    "TrainProgress",
    "TrainedRun",
    "find_hosts",
    "list_presets",
    "load_preset",
    "train",
]
