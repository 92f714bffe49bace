"""What ends a training from outside of it, memory, disk and records, is said in one line that names it."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

from lfsr_tf.errors import LfsrError, ModelError, OutOfMemoryError, OutputError, RecordsError
from lfsr_tf.pairs import PairsConfig
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.fit import train, train_on
from lfsr_tf.training.progress import EpochReport, SilentProgress
from lfsr_tf.training.sources import PairSource
from tests.training.phantom_pairs import prepare_phantoms

# Keras reads a tensor with np.array(x, copy=False), which NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

UNCHECKED = {"cache": False, "verify": False}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs from two phantoms."""
    return prepare_phantoms(tmp_path_factory.mktemp("pairs"), PairsConfig(patches_per_slice=4), slices=2)


@pytest.fixture
def records(prepared: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(prepared, tmp_path / "records"))


def damage(shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(content)


class Exhausts(SilentProgress):
    """Meets an end of something at the first step, as TensorFlow reports it."""

    def __init__(self, message: str) -> None:
        self._message = message

    def advance(self, steps: int) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, self._message)


@pytest.mark.parametrize(
    ("message", "kind", "said"),
    [
        (
            "OOM when allocating tensor with shape[20,64]\nHint: more",
            OutOfMemoryError,
            r"^Not enough memory to train with batch_size=4\. Train into a new folder with a smaller",
        ),
        (
            "events.out.tfevents.1; No space left on device",
            OutputError,
            r"^Cannot write: events\.out\.tfevents\.1; No space left on device\. Check the free space\.$",
        ),
    ],
)
def test_too_little_memory_or_disk_is_said_in_one_line(
    tmp_path: Path,
    config: TrainConfig,
    make_source: Callable[..., PairSource],
    message: str,
    kind: type[LfsrError],
    said: str,
) -> None:
    with pytest.raises(kind, match=said) as caught:
        train_on(make_source(), tmp_path / "run", config, Exhausts(message))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spoil", [damage, Path.unlink], ids=["damaged", "gone"])
def test_a_shard_that_is_spoilt_during_the_training_is_named(
    records: Path, tmp_path: Path, config: TrainConfig, spoil: Callable[[Path], None]
) -> None:
    (shard,) = records.glob("*validation*.gz")

    class Spoils(SilentProgress):
        def epoch(self, report: EpochReport) -> None:
            spoil(shard)

    with pytest.raises(RecordsError, match=shard.name):
        train(records, tmp_path / "run", dataclasses.replace(config, pipeline={"cache": False}), Spoils())


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_damaged_shard_is_named_where_nobody_has_checked_it(
    records: Path, tmp_path: Path, config: TrainConfig, split: str
) -> None:
    (shard,) = records.glob(f"*{split}*.gz")
    damage(shard)
    with pytest.raises(RecordsError, match=rf"record \d+ of shard .*{shard.name}"):
        train(records, tmp_path / "run", dataclasses.replace(config, pipeline=UNCHECKED))


def test_an_error_that_is_not_the_records_stays_what_it_is(
    tmp_path: Path, config: TrainConfig, make_source: Callable[..., PairSource]
) -> None:
    class Fails(SilentProgress):
        def advance(self, steps: int) -> None:
            raise tf.errors.InvalidArgumentError(None, None, "of the network's own")

    with pytest.raises(tf.errors.InvalidArgumentError, match="of the network's own"):
        train_on(make_source(), tmp_path / "run", config, Fails())


@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_clipping_is_advised_only_where_there_is_none(
    tmp_path: Path, config: TrainConfig, make_source: Callable[..., PairSource], clip_norm: float | None
) -> None:
    config = dataclasses.replace(config, clip_norm=clip_norm)
    with pytest.raises(ModelError, match=r"learning_rate below 0\.01") as caught:
        train_on(make_source(bad_step=0), tmp_path / "run", config, SilentProgress())
    assert ("clip_norm" in str(caught.value)) is (clip_norm is None)
