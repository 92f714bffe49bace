"""The builder that every data set of pairs derives from: `lfsr prepare` on Beam, for `tfds.load`."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from tensorflow_datasets.core.dataset_builder import FileReaderBuilder

from data_pipelines.pairs_builder.beam_engine import BeamEngine
from data_pipelines.pairs_builder.beam_options import words_of
from data_pipelines.pairs_builder.configs import PairsBuilderConfig, standard_configs
from data_pipelines.pairs_builder.features import features_of
from data_pipelines.pairs_builder.jobs import SHARD_KIND, TFDS_JOBS
from lfsr_tf.errors import ConfigError, OutputError, ScanError
from lfsr_tf.locking import exclusive
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.dataset import fingerprint, package_versions
from lfsr_tf.pairs.preparing.describe import describe_sources
from lfsr_tf.pairs.preparing.listing import Listed
from lfsr_tf.pairs.preparing.preparation import Built, Preparation, failure_line
from lfsr_tf.pairs.preparing.sources import SPLITS
from lfsr_tf.pairs.preparing.workspace import KEPT, Workspace
from lfsr_tf.placing import remove


class PairsBuilder(FileReaderBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Builds the records of a configuration from the scans of the manual folder.

    A data set says which scans these are (`_listed`). A build that was killed is continued by the next one:
    what is done stands in `.preparing-<fingerprint>` beside the data set's versions. Scans that cannot be
    used are named when all others are built, in the error and in `info.metadata["failed"]`.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First version."}
    BUILDER_CONFIGS: ClassVar[list[PairsBuilderConfig]] = standard_configs()

    _failure: str | None = None
    _workspace: Workspace | None = None

    @abc.abstractmethod
    def _listed(self, dl_manager: tfds.download.DownloadManager) -> Sequence[Listed]:
        """The scans below the manual folder (`dl_manager.manual_dir`), each with its side.

        Raises:
            ScanError: Files are missing; all of them are named.
        """

    @property
    def _pairs(self) -> PairsConfig:
        config: PairsConfig = self.builder_config.pairs
        return config

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=features_of(self._pairs),
            supervised_keys=("lr", "hr") if self._pairs.mode == "pairs" else None,
            homepage="https://doi.org/10.1038/s41598-022-10298-6",
            metadata=tfds.core.MetadataDict(),
        )

    def download_and_prepare(self, **options: Any) -> None:
        """Build the data set, unless it is built already.

        Raises:
            ScanError: Some scans could not be used; the data set holds all others and is complete.
            OutputError: The data set cannot be written; the next build goes on from what is done.
        """
        self._failure = self._workspace = None
        config = options.get("download_config") or tfds.download.DownloadConfig()
        if self.data_path.exists() and not config.download_mode.overwrite_dataset:
            super().download_and_prepare(**options)  # where it stands, one may not be allowed to write
            self._remove_workspace()
            return
        output = Path(self.data_path).parent
        with exclusive(output):
            try:
                super().download_and_prepare(**options)
            except OSError as error:
                what = ": ".join(map(str, filter(None, (error.filename, error.strerror or error))))
                kept = f" {KEPT}" if self._workspace else ""
                raise OutputError(
                    f"Cannot make {self.data_path}: {what}. Check the rights and the free space.{kept}"
                ) from error
            if self._workspace:
                self._workspace.close()
        if self._failure:
            raise ScanError(self._failure)

    def _download_and_prepare(
        self, dl_manager: tfds.download.DownloadManager, download_config: tfds.download.DownloadConfig
    ) -> None:
        if download_config.max_examples_per_split is not None:
            raise ConfigError(
                "Expected no max_examples_per_split: give fewer scans or a configuration of your own."
            )
        output = Path(self.data_path).parent
        self._remove_unfinished(output)
        engine = BeamEngine(TFDS_JOBS, output / ".jobs", words_of(download_config.beam_options))
        shard_job = {"kind": SHARD_KIND, "file_format": self.info.file_format.value}
        run = Preparation(engine, self._pairs, strict=engine.strict, shard_job=shard_job)
        sources = run.hashed(self._listed(dl_manager))
        container = f"tfds {self.info.file_format.value}"
        inputs = [asdict(source) for source in sources]
        self._workspace = Workspace(output, fingerprint(self._pairs, inputs, container))
        self._workspace.open(overwrite=download_config.download_mode.overwrite_dataset)
        with self._workspace.discarded_on_refusal():
            built = run.build(sources, self._workspace)
            self._publish(built, self._workspace)

    def _remove_workspace(self) -> None:
        """Of a build that was killed when all but this was done."""
        workspace = Workspace(Path(self.data_path).parent, str(self.info.metadata.get("fingerprint")))
        if workspace.folder.exists():
            with suppress(OutputError), exclusive(workspace.output):
                workspace.close()

    def _remove_unfinished(self, output: Path) -> None:
        """Folders that tensorflow-datasets left when it was killed; ours alone is in use, by the lock."""
        for folder in output.glob(f"incomplete.*_{self.version}"):
            if folder.name != Path(self.data_path).name:
                remove(folder)

    def _publish(self, built: Built, workspace: Workspace) -> None:
        """Put the shards where tensorflow-datasets reads them, and describe them as it does."""
        splits = [self._split(name, built, workspace) for name in SPLITS]
        self.info.set_splits(tfds.core.splits.SplitDict([split for split in splits if split.shard_lengths]))
        self.info.metadata.update(
            config=self._pairs.to_json(),
            sources=describe_sources(built),
            failed=built.failures(),
            fingerprint=workspace.fingerprint,
            versions=package_versions(),
        )
        if built.failed:
            self._failure = failure_line(
                built.failures(), len(built.sources), workspace.output / str(self.version)
            )

    def _split(self, name: str, built: Built, workspace: Workspace) -> tfds.core.SplitInfo:
        shards = [shard for shard in built.shards if shard.split == name]
        template = self._get_filename_template(name)
        for number, shard in enumerate(shards):
            file = template.sharded_filepath(shard_index=number, num_shards=len(shards))
            _put(workspace.shard(shard.file), Path(file))
        return tfds.core.SplitInfo(
            name=name,
            shard_lengths=[shard.records for shard in shards],
            num_bytes=sum(path.stat().st_size for path in Path(self.data_path).glob(f"{self.name}-{name}*")),
            filename_template=template,
        )


def _put(shard: Path, file: Path) -> None:
    """Give a shard a second name: tensorflow-datasets removes its own where it cannot finish."""
    try:
        file.hardlink_to(shard)
    except OSError:  # a file system without such links
        shard.replace(file)
