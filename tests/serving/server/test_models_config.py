"""TensorFlow Serving's models.config, read for this server and written for TensorFlow's own."""

from pathlib import Path

import pytest

from lfsr_tf.errors import ConfigError
from lfsr_tf.serving.server.models_config import read_models_config
from lfsr_tf.serving.server.native import command
from lfsr_tf.serving.server.options import Limits, ModelSource, ServerOptions, VersionPolicy

DEPLOYED = Path(__file__).resolve().parents[3] / "deploy" / "tensorflow-serving" / "models.config"
SOURCES = (
    ModelSource("a", Path("/models/a"), VersionPolicy("latest", newest=3), {"stable": 1, "canary": 2}),
    ModelSource("b", Path("/models/b"), VersionPolicy("all")),
    ModelSource("c", Path("/models/c"), VersionPolicy("specific", named=(4, 7))),
)


def test_the_deployed_file_serves_all_versions_and_a_label() -> None:
    (source,) = read_models_config(DEPLOYED)
    assert source == ModelSource("lfsr", Path("/models/lfsr"), VersionPolicy("all"), {"stable": 1})


def test_what_is_written_for_tensorflow_s_server_is_what_is_read(tmp_path: Path) -> None:
    options = ServerOptions(SOURCES, grpc_port=1, rest_port=2, limits=Limits(request_bytes=5, rest_seconds=7))
    given = command("/bin/program", options, tmp_path)
    assert given[0] == "/bin/program"
    assert {"--port=1", "--rest_api_port=2", "--rest_api_timeout_in_ms=7000"} <= set(given)
    assert "--grpc_channel_arguments=grpc.max_receive_message_length=5" in given
    (file,) = (Path(each.split("=")[1]) for each in given if each.startswith("--model_config_file"))
    assert read_models_config(file) == SOURCES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("", "which has none"),
        ("model_config_list {", "models.config: "),
        ("nonsense { }", "models.config: "),
        ('model_config_list { config { name: "a" } }', "a name and a base_path"),
        ('model_config_list { config { base_path: "/a" } }', "a name and a base_path"),
        ('model_config_list { config { name: "a" base_path: "/a" model_platform: "torch" } }', "'torch'"),
    ],
)
def test_other_files_are_one_line(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        read_models_config(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (VersionPolicy(), [9]),
        (VersionPolicy("latest", newest=2), [9, 5]),
        (VersionPolicy("all"), [9, 5, 1]),
        (VersionPolicy("specific", named=(1, 5, 6)), [5, 1]),
    ],
)
def test_a_policy_chooses_versions_the_newest_first(policy: VersionPolicy, wanted: list[int]) -> None:
    assert policy.wanted([1, 9, 5]) == wanted
