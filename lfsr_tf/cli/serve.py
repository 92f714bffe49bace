"""`lfsr serve`: a model behind TensorFlow Serving's gRPC and REST APIs, with one command."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lfsr_tf.cli.console import console, messages, print_warning
from lfsr_tf.cli.export_process import export_process
from lfsr_tf.cli.given import given
from lfsr_tf.cli.quiet import import_quietly
from lfsr_tf.errors import ConfigError

if TYPE_CHECKING:
    from lfsr_tf.serving.server.model_server import ModelServer
    from lfsr_tf.serving.server.options import ModelSource, ServerOptions

# A line that nobody reads any more, which rich makes an exit of, or that fills a disk, ends no server.
_UNREAD = (OSError, SystemExit)


def serve(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of versions that `lfsr export` wrote; or a model of `lfsr models`, a run folder, or "
            "a .keras file, which is exported first.",
            readable=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--model-name", "--name", help="Name on the server. Default: lfsr."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on. Nobody is asked who they are: mind who can reach it. "
            "Default: 127.0.0.1."
        ),
    ] = None,
    allowed_hosts: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-host",
            help="Name or address by which REST and the page are reached, beside localhost, the machine's "
            "own and, beyond loopback, all addresses; may be repeated. Other names are then refused to all, "
            "without it to browsers alone.",
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Of gRPC; 0: any free one. Default: 8500.")] = None,
    rest_port: Annotated[
        int | None,
        typer.Option(
            "--rest-api-port",
            help="Of REST, the metrics and the page; 0: any free one. Default: 8501.",
        ),
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--model-config-file",
            help="TensorFlow Serving's models.config.",
            readable=False,
        ),
    ] = None,
    poll_seconds: Annotated[
        float | None,
        typer.Option(
            "--poll-seconds",
            "--file-system-poll-wait-seconds",
            help="Time between two looks for new versions; 0: none after the start. Default: 1.0.",
        ),
    ] = None,
    request_mib: Annotated[
        int | None,
        typer.Option("--max-request-mib", help="Most MiB of one request, below 2048. Default: 64."),
    ] = None,
    running: Annotated[
        int | None,
        typer.Option("--max-running", help="Requests worked on at once. Default: the cores it may use."),
    ] = None,
    waiting: Annotated[
        int | None, typer.Option("--max-waiting", help="Requests that may wait. Default: 128.")
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="POLICY", help="Of a model that is exported first: float32, mixed_bfloat16 or auto."
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="ENGINE",
            help="auto, lfsr or tensorflow. auto: tensorflow_model_server where it is on the PATH, --host "
            "allows all addresses and no port is 0.",
        ),
    ] = "auto",
) -> None:
    """Serve a model over TensorFlow Serving's gRPC and REST APIs, and a page to try it in a browser.

    New versions in the model's folder are found, loaded and warmed up, and take over without a dropped
    request. SIGTERM, Ctrl+C and a closed terminal end the server when it has answered what it was asked.

    Example:

        lfsr serve models/lfsr
    """
    from lfsr_tf.serving.server.lifetime import end_for_sure, scratch_folder
    from lfsr_tf.serving.server.options import MIB, Limits, ServerOptions

    request_bytes = None if request_mib is None else request_mib * MIB
    limits = Limits(**given(request_bytes=request_bytes, waiting=waiting, running=running))
    names = None if allowed_hosts is None else tuple(each.lower() for each in allowed_hosts)
    places = given(
        host=host, grpc_port=port, rest_port=rest_port, poll_seconds=poll_seconds, allowed_hosts=names
    )
    before = set(threading.enumerate())
    with scratch_folder() as scratch:
        models = _models(model, name, config_file, dtype, scratch)
        options = ServerOptions(models, **places, limits=limits)
        if models[0].base_path.parent == scratch:
            # Nothing comes after what was exported, unless somebody else has taken the folder's place.
            options = replace(options, poll_seconds=0.0)
        import_quietly()
        code = _run(options, engine, scratch)
    end_for_sure(code, before)
    if code:
        raise typer.Exit(code)


def _models(
    model: Path | None, name: str | None, config_file: Path | None, dtype: str | None, scratch: Path
) -> tuple[ModelSource, ...]:
    from lfsr_tf.serving.layout import DEFAULT_NAME, versions
    from lfsr_tf.serving.server.models_config import read_models_config
    from lfsr_tf.serving.server.options import ModelSource

    if config_file is not None and model is None:
        if name is not None or dtype is not None:
            raise ConfigError("Expected no --model-name or --dtype with --model-config-file, which has them.")
        import_quietly()  # with the messages of TensorFlow Serving
        return read_models_config(config_file)
    if model is None or config_file is not None:
        raise ConfigError("Expected a model or --model-config-file, one of them. See `lfsr serve --help`.")
    name, exported = name or DEFAULT_NAME, versions(model)
    if (model / "saved_model.pb").exists():
        raise ConfigError(
            f"Expected a folder of versions. Received: {model}, a version. Give {model.parent}."
        )
    if exported:
        if dtype is not None:
            raise ConfigError("Expected no --dtype for a model that is exported. Give it to `lfsr export`.")
        return (ModelSource(name, model),)
    return (ModelSource(name, _exported(model, name, dtype or "float32", scratch)),)


def _exported(model: Path, name: str, dtype: str, scratch: Path) -> Path:
    # Unchecked: the server loads it at once, and says what is wrong with it.
    with messages.status("Exporting"), export_process(model, scratch, name, dtype) as finished:
        import_quietly()  # meanwhile: the server needs it next
        return finished()


def _run(options: ServerOptions, engine: str, scratch: Path) -> int:
    """Serve until the process is told to end; its exit code."""
    from lfsr_tf.serving.server.native import PROGRAM, run_native
    from lfsr_tf.serving.server.options import Limits

    program = _native_program(options, engine)
    if program is None:
        _run_here(options, scratch)
        return 0
    console.print(f"starting {program}", soft_wrap=True, markup=False)
    if (options.limits.running, options.limits.waiting) != (Limits().running, Limits().waiting):
        print_warning(f"{PROGRAM} has no --max-running and --max-waiting: they do nothing.")
    return run_native(program, options, scratch)


def _native_program(options: ServerOptions, engine: str) -> str | None:
    """TensorFlow Serving's own server, where it is to be used."""
    from lfsr_tf.serving.server.native import PROGRAM, find_program, unable

    if engine not in ("auto", "lfsr", "tensorflow"):
        raise ConfigError(f"Expected --engine auto, lfsr or tensorflow. Received: {engine!r}.")
    program = None if engine == "lfsr" else find_program()
    if engine == "tensorflow" and program is None:
        raise ConfigError(f"Expected {PROGRAM} on the PATH. Received: none. Use --engine lfsr.")
    if program is None or not (reason := unable(options)):
        return program
    if engine == "tensorflow":
        raise ConfigError(f"Expected options that {PROGRAM} has. {reason}")
    print_warning(f"{reason} Serving with lfsr's own server.")
    return None


def _run_here(options: ServerOptions, scratch: Path) -> None:
    try:
        from lfsr_tf.serving.server.model_server import ModelServer
        from lfsr_tf.serving.server.page import page_routes
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"Expected the packages of a server. Received: no {error.name}. Install them: pip install "
            "'lfsr_tf[serve]'."
        ) from error
    from lfsr_tf.serving.server.lifetime import log_to_stderr, run_until_told
    from lfsr_tf.serving.server.local_client import enhancer_of

    log_to_stderr()
    server = ModelServer(options)
    run_until_told(
        server,
        page_routes(server.service, options, enhancer_of(server.service, options), scratch),
        loading=messages.status("Loading and warming up"),
        ready=lambda: _announce(server),
        ending=lambda: _say("finishing what is under way"),
    )


def _announce(server: ModelServer) -> None:
    options, host = server.options, server.options.host
    host = f"[{host}]" if ":" in host else host
    if not options.loopback:
        with suppress(*_UNREAD):
            print_warning(f"{host} may be reached from other machines, and nobody is asked who they are.")
    for source in options.models:
        states = server.service.store.models[source.name].states()
        ready = ", ".join(str(number) for number, (state, _) in states.items() if state.name == "AVAILABLE")
        _say(f"{source.name}  version {ready} of {source.base_path}")
    first = options.models[0].name
    _say(f"  gRPC  grpc://{host}:{server.grpc_port}/{first}")
    _say(f"  REST  http://{host}:{server.rest_port}/v1/models/{first}")
    _say(f"  page  http://{host}:{server.rest_port}/")
    _say("Ctrl+C ends it.")


def _say(line: str) -> None:
    with suppress(*_UNREAD):
        console.print(line, soft_wrap=True, markup=False)
