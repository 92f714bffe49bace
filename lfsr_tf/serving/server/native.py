"""Starting TensorFlow Serving's own server where there is one, instead of this package's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from lfsr_tf.serving.layout import check_path
from lfsr_tf.serving.server.lifetime import handled
from lfsr_tf.serving.server.options import ModelSource, ServerOptions
from lfsr_tf.signals import ENDING

PROGRAM = "tensorflow_model_server"


def find_program() -> str | None:
    """Where the program is on the PATH; None where it is not."""
    return shutil.which(PROGRAM)


def unable(options: ServerOptions) -> str:
    """Why the program cannot do what `options` ask for, and what to do; "" where it can."""
    if not options.every_address:
        # It has no option for the address.
        return f"{PROGRAM} listens on all addresses: give --host 0.0.0.0 if you want that."
    if 0 in (options.grpc_port, options.rest_port):
        return f"{PROGRAM} looks for no free port: name two ports."
    if options.allowed_hosts:
        return f"{PROGRAM} looks at no Host: let a proxy do so, instead of --allowed-host."
    return ""


def command(program: str, options: ServerOptions, folder: Path) -> list[str]:
    """The command that does with TensorFlow Serving what `options` ask for.

    Args:
        program: Its path.
        options: Models and ports; limits that it does not have are left out.
        folder: Where its configuration files are written.
    """
    # No exported model, which may lie there, too, has a name that begins with a dot.
    models, monitoring = folder / ".models.config", folder / ".monitoring.config"
    models.write_text(_models_config(options.models), encoding="utf-8")
    monitoring.write_text(
        f'prometheus_config {{ enable: true path: "{options.metrics_path}" }}\n', encoding="utf-8"
    )
    return [
        program,
        f"--port={options.grpc_port}",
        f"--rest_api_port={options.rest_port}",
        f"--model_config_file={models}",
        f"--monitoring_config_file={monitoring}",
        f"--file_system_poll_wait_seconds={_whole_seconds(options.poll_seconds)}",
        f"--rest_api_timeout_in_ms={round(1000 * options.limits.rest_seconds)}",
        f"--grpc_channel_arguments=grpc.max_receive_message_length={options.limits.request_bytes}",
        "--allow_version_labels_for_unavailable_models=true",
    ]


def _whole_seconds(poll_seconds: float) -> int:
    # 0 stays what it is: no polls.
    return max(1, round(poll_seconds)) if poll_seconds else 0


def run_native(program: str, options: ServerOptions, folder: Path) -> int:
    """Run TensorFlow Serving until it ends; signals to end are passed on to it.

    Args:
        program: Its path.
        options: As for `command`.
        folder: As for `command`.

    Returns:
        Its exit code: 0 where one of `ENDING` ended it, 128 and the number where another signal did.
    """
    process = subprocess.Popen(command(program, options, folder))
    with handled(lambda number, frame: process.send_signal(number), *ENDING):
        code = process.wait()
    if -code in ENDING:
        return 0
    return code if code >= 0 else 128 - code


def _models_config(models: tuple[ModelSource, ...]) -> str:
    # Imported here: the message types bring TensorFlow with them.
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    config = ModelServerConfig()
    for source in models:
        check_path(source.base_path.absolute())
        # A link is looked up at every poll: it may lead to another folder by then.
        model = config.model_config_list.config.add(
            name=source.name, base_path=str(source.base_path.absolute()), model_platform="tensorflow"
        )
        policy = model.model_version_policy
        if source.policy.kind == "all":
            policy.all.SetInParent()
        elif source.policy.kind == "specific":
            policy.specific.versions.extend(source.policy.named)
        else:
            policy.latest.num_versions = source.policy.newest
        for label, version in source.labels.items():
            model.version_labels[label] = version
    return str(text_format.MessageToString(config))
