"""How records are fed to training and validation, apart from the feeding."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.dataset import DatasetInfo
from lfsr_tf.settings import check_range, check_types, refusal

# What is done to whole slices only.
_OF_SLICES = ("flips", "rotations", "blur", "echoes", "hr_noise", "in_phase")
# The largest blur leaves one in 22,000 at the rim of k-space, the largest echoes are a factor of 20.
_MOST = {"blur": 10, "echoes": 3, "hr_noise": 1, "in_phase": 1}


@dataclass(frozen=True)
class PipelineConfig:
    """How records are fed to training and validation.

    Attributes:
        gain_min: LR, HR and sigma of a training pair are multiplied by one random gain from here...
        gain_max: ...to here, so that a network does not learn the scale: inference divides by the noisy
            image's own percentile, which noise inflates by up to 10 %.
        flips: Mirror training slices at random (mode "slices" only).
        rotations: Turn training slices by multiples of 90 degrees at random (mode "slices" only).
        blur: Largest blur of training slices, half of which are changed, LR and HR alike, as
            `augmentation.random_transfer` has it (mode "slices" only). 3 leaves a twentieth of the rim of
            k-space; 0 blurs nothing.
        echoes: Largest logarithm of the weights of phase-encoding steps, likewise. 0.5 makes lines up to 1.6
            times stronger or weaker; 0 changes nothing.
        hr_noise: Standard deviation of noise that is added to the k-space of training slices, LR and HR alike
            (mode "slices" only), in units of the reference intensity.
        in_phase: Share of the training slices whose LR image is not a magnitude but its part in phase, as raw
            k-space is enhanced (mode "slices" only).
        lr_patch: Side of LR patches, at most the one the records were prepared for; 0 for whole slices; None
            for the one prepared. Mode "slices" only.
        patches_per_slice: Patches that a slice gives each epoch; None for the number prepared. Mode "slices"
            only.
        shards_at_once: Shards read at once, among whose records the next one is drawn; shards are
            random mixtures already. The order depends on it.
        shuffle_patches: Patches that are mixed, so that those of one slice do not fill a batch. Mode "slices"
            only. The order depends on it.
        cache: Keep the serialised records in memory, decompressed, so that they are read once and not once
            an epoch; of validation the finished batches. Changes nothing but the speed. Without it a data set
            may be larger than memory.
        service: Address of a tf.data service whose workers make the pairs, "grpc://127.0.0.1:5050", as
            `python -m lfsr_tf.pairs.service` starts it; they see the records at the same path. Nothing: this
            process makes them. Changes nothing but the speed.
        verify: Compare the shards with their hashes first: for training those of training, for validation
            those of validation.
    """

    gain_min: float = 0.6
    gain_max: float = 1.4
    flips: bool = False
    rotations: bool = False
    blur: float = 0.0
    echoes: float = 0.0
    hr_noise: float = 0.0
    in_phase: float = 0.0
    lr_patch: int | None = None
    patches_per_slice: int | None = None
    shards_at_once: int = 4
    shuffle_patches: int = 2048
    cache: bool = True
    service: str = ""
    verify: bool = True

    def __post_init__(self) -> None:
        """Check types and ranges.

        Raises:
            ConfigError: A value is of another type or out of its range.
        """
        check_types(self)
        if not 0.0 < self.gain_min <= self.gain_max:
            raise ConfigError(
                f"Expected 0 < gain_min <= gain_max. Received: {self.gain_min} and {self.gain_max}."
            )
        for name, most in _MOST.items():
            check_range(self, name, least=0, most=most)
        check_range(self, "shards_at_once", "shuffle_patches", "patches_per_slice", least=1)
        check_range(self, "lr_patch", least=0)
        if self.service and not self.service.startswith("grpc://"):
            raise ConfigError(f"Expected a service such as grpc://127.0.0.1:5050. Received: {self.service}.")


def effective_config(info: DatasetInfo, options: PipelineConfig) -> PairsConfig:
    """The settings of the records with the options that may differ from them.

    Raises:
        ConfigError: The options do not suit the records.
    """
    sizes = {shard.hr_size for shard in (*info.train.shards, *info.validation.shards)}
    return with_options(info.config, options, sizes, str(info.folder))


def with_options(config: PairsConfig, options: PipelineConfig, sizes: Set[int], name: str) -> PairsConfig:
    """The same of records of whatever kind.

    Args:
        config: Settings of the records.
        options: How they are fed.
        sizes: Sides of their slices.
        name: Of the records, for the message.

    Raises:
        ConfigError: The options do not suit the records, or are no `PipelineConfig`.
    """
    if not isinstance(options, PipelineConfig):
        raise refusal("options", "a PipelineConfig", options)
    asked = {name: getattr(options, name) for name in ("lr_patch", "patches_per_slice", *_OF_SLICES)}
    if config.mode == "pairs":
        if any(asked.values()) or asked["lr_patch"] is not None:
            raise ConfigError(
                f"Expected records of mode 'slices' for {', '.join(asked)}. Received: fixed pairs in "
                f"{name}. Prepare with --mode slices."
            )
        return config
    patch = config.lr_patch if options.lr_patch is None else options.lr_patch
    if patch > config.lr_patch:
        raise ConfigError(
            f"Expected lr_patch of at most {config.lr_patch}, for which these slices were chosen. Received: "
            f"{patch}. Prepare with a larger lr_patch."
        )
    if not patch and len(sizes) > 1:
        raise ConfigError(
            f"Expected slices of one size for whole slices (lr_patch=0). Received: sides of {sorted(sizes)} "
            f"pixels in {name}. Choose a patch size."
        )
    return replace(
        config, lr_patch=patch, patches_per_slice=options.patches_per_slice or config.patches_per_slice
    )
