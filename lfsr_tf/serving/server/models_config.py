"""Reading `--model_config_file`, in TensorFlow Serving's own text format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format  # type: ignore[import-untyped]
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from lfsr_tf.errors import ConfigError, first_line
from lfsr_tf.serving.server.options import ModelSource, VersionPolicy


def read_models_config(path: Path) -> tuple[ModelSource, ...]:
    """The models of a file, in its order.

    Raises:
        ConfigError: It cannot be read, or asks for what only TensorFlow Serving can do.
    """
    try:
        config = text_format.Parse(path.read_text(encoding="utf-8"), ModelServerConfig())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ConfigError(f"Expected a models.config. Received: {path}: {reason}.") from error
    if not config.model_config_list.config:
        raise ConfigError(f"Expected models in model_config_list. Received: {path}, which has none.")
    return tuple(_source(model, path) for model in config.model_config_list.config)


def _source(model: Any, path: Path) -> ModelSource:
    if not model.name or not model.base_path:
        raise ConfigError(
            f"Expected a name and a base_path of every model. Received: "
            f"{path}: {model.name or model.base_path!r}."
        )
    if model.model_platform not in ("", "tensorflow"):
        raise ConfigError(
            f'Expected model_platform "tensorflow" of {model.name}. Received: {model.model_platform!r}.'
        )
    return ModelSource(
        model.name, Path(model.base_path), _policy(model.model_version_policy), dict(model.version_labels)
    )


def _policy(policy: Any) -> VersionPolicy:
    if policy.HasField("all"):
        return VersionPolicy("all")
    if policy.HasField("specific"):
        return VersionPolicy("specific", named=tuple(policy.specific.versions))
    return VersionPolicy("latest", newest=max(1, policy.latest.num_versions))
