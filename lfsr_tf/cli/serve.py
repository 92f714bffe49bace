"""`lfsr serve`: a model behind TensorFlow Serving's gRPC and REST APIs, with one command."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lfsr_tf.cli.console import console, messages, print_warning
from lfsr_tf.cli.quiet import with_quiet_tensorflow
from lfsr_tf.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from lfsr_tf.inference.enhance import Enhanced
    from lfsr_tf.scans.scan import Scan
    from lfsr_tf.serving.server.model_server import ModelServer
    from lfsr_tf.serving.server.options import ModelSource, ServerOptions

_MIB = 1 << 20
# Threads that have nothing more to do need milliseconds to end.
_THREAD_SECONDS = 1.0


@with_quiet_tensorflow
def serve(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of versions that `lfsr export` wrote; or a model of `lfsr models`, a run folder, or "
            "a .keras file, which is exported first."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--model-name", "--model_name", "--name", help="Name on the server. Default: lfsr."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Nobody is asked who they are: mind who can reach it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Of gRPC.")] = 8500,
    rest_port: Annotated[
        int, typer.Option("--rest-api-port", "--rest_api_port", help="Of REST, the metrics and the page.")
    ] = 8501,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--model-config-file", "--model_config_file", help="TensorFlow Serving's models.config."
        ),
    ] = None,
    poll_seconds: Annotated[
        float,
        typer.Option(
            "--file-system-poll-wait-seconds",
            "--file_system_poll_wait_seconds",
            help="Time between two looks for new versions.",
        ),
    ] = 1.0,
    request_mib: Annotated[
        int, typer.Option("--max-request-mib", help="Most MiB of one request, below 2048.")
    ] = 64,
    running: Annotated[
        int | None, typer.Option("--max-running", help="Requests worked on at once. Default: the cores.")
    ] = None,
    waiting: Annotated[int, typer.Option("--max-waiting", help="Requests that may wait.")] = 128,
    dtype: Annotated[
        str | None,
        typer.Option(metavar="float32|mixed_bfloat16|auto", help="Of a model that is exported first."),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="auto|lfsr|tensorflow",
            help="auto: tensorflow_model_server where it is on the PATH and --host allows all addresses.",
        ),
    ] = "auto",
) -> None:
    """Serve a model over TensorFlow Serving's gRPC and REST APIs, and a page to try it in a browser.

    New versions in the model's folder are found, loaded and warmed up, and take over without a dropped
    request. SIGTERM and Ctrl+C end the server when it has answered what it was asked.

    Example:

        lfsr serve models/lfsr
    """
    from lfsr_tf.serving.server.options import Limits, ServerOptions

    limits = {"request_bytes": request_mib * _MIB, "waiting": waiting, "running": running}
    chosen = Limits(**{key: value for key, value in limits.items() if value is not None})
    before = set(threading.enumerate())
    # A thread that is left behind may still write there.
    with tempfile.TemporaryDirectory(prefix="lfsr-serve-", ignore_cleanup_errors=True) as scratch:
        models = _models(model, name, config_file, dtype, Path(scratch))
        options = ServerOptions(models, host, port, rest_port, poll_seconds, limits=chosen)
        code = _run(options, engine, Path(scratch))
    _end_for_sure(code, before)
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
    from lfsr_tf.models import load_model, provenance
    from lfsr_tf.serving.export import export_model

    with messages.status("Exporting"):
        # Unchecked: the server loads it at once, and says what is wrong with it.
        trained, about = load_model(model), provenance(model)
        return export_model(trained, scratch, name, dtype=dtype, provenance=about, check=False).parent


def _run(options: ServerOptions, engine: str, scratch: Path) -> int:
    from lfsr_tf.serving.server.native import PROGRAM, find_program, run_native
    from lfsr_tf.serving.server.options import Limits

    if engine not in ("auto", "lfsr", "tensorflow"):
        raise ConfigError(f"Expected --engine auto, lfsr or tensorflow. Received: {engine!r}.")
    program = None if engine == "lfsr" else find_program()
    if engine == "tensorflow" and program is None:
        raise ConfigError(f"Expected {PROGRAM} on the PATH. Received: none. Use --engine lfsr.")
    if program is not None and not options.every_address:
        # It has no option for the address.
        reason = f"{PROGRAM} listens on all addresses: give --host 0.0.0.0 if you want that."
        if engine == "tensorflow":
            raise ConfigError(
                f"Expected a --host that allows all addresses. Received: {options.host}. {reason}"
            )
        print_warning(f"{reason} Serving with lfsr's own server.")
        program = None
    if program is not None:
        console.print(f"starting {program}", soft_wrap=True, markup=False)
        if (options.limits.running, options.limits.waiting) != (Limits().running, Limits().waiting):
            print_warning(f"{PROGRAM} has no --max-running and --max-waiting: they do nothing.")
        return run_native(program, options)
    _run_here(options, scratch)
    return 0


def _run_here(options: ServerOptions, scratch: Path) -> None:
    try:
        from lfsr_tf.serving.server.model_server import ModelServer
        from lfsr_tf.serving.server.page.routes import page_routes
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"Expected the packages of a server. Received: no {error.name}. Install them: pip install "
            "'lfsr_tf[serve]'."
        ) from error
    _log_to_stderr()
    server = ModelServer(options)
    with _until_told_to_end(server.service.store.stop_loading) as told:
        _start_and_wait(server, page_routes(server.service, options, _enhancer(server), scratch), told)


def _start_and_wait(server: ModelServer, pages: Sequence[BaseRoute], told: threading.Event) -> None:
    try:
        with messages.status("Loading and warming up"):
            server.start(pages)
    except ModelError:
        if told.is_set():
            return  # the load was given up
        raise
    _announce(server)
    told.wait()
    console.print("finishing what is under way")
    server.stop()


def _enhancer(server: ModelServer) -> Callable[[Scan, Callable[[int], None]], Enhanced]:
    """Enhances scans for the page with the first model, whichever version is the newest then."""
    from lfsr_tf.inference.enhance import Enhancer
    from lfsr_tf.serving.clients.connect import network_behind
    from lfsr_tf.serving.server.local_client import LocalClient

    name, limits = server.options.models[0].name, server.options.limits
    client = LocalClient(server.service, name, limits.rest_seconds)
    return lambda scan, advance: Enhancer(network_behind(client, name))(scan, advance)


@contextmanager
def _until_told_to_end(stop_loading: Callable[[], None]) -> Iterator[threading.Event]:
    """Set an event on SIGTERM and Ctrl+C, and give up what is being loaded, instead of ending at once."""
    told = threading.Event()

    def tell(number: int, frame: object) -> None:
        told.set()
        stop_loading()

    before = {each: signal.signal(each, tell) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _log_to_stderr() -> None:
    """One line an event, for whoever keeps the log."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, level in (("lfsr_tf", logging.INFO), ("uvicorn", logging.WARNING), ("grpc", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
    # Its notices are for those who write TensorFlow programs.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _announce(server: ModelServer) -> None:
    host = f"[{server.options.host}]" if ":" in server.options.host else server.options.host
    for source in server.options.models:
        states = server.service.store.models[source.name].states()
        ready = ", ".join(str(number) for number, (state, _) in states.items() if state.name == "AVAILABLE")
        console.print(f"{source.name}  version {ready} of {source.base_path}", soft_wrap=True, markup=False)
    first = server.options.models[0].name
    console.print(f"  gRPC  grpc://{host}:{server.grpc_port}/{first}", markup=False)
    console.print(f"  REST  http://{host}:{server.rest_port}/v1/models/{first}", markup=False)
    console.print(f"  page  http://{host}:{server.rest_port}/", markup=False)
    if not server.options.loopback:
        print_warning(f"{host} may be reached from other machines, and nobody is asked who they are.")
    console.print("Ctrl+C ends it.", markup=False)
    sys.stdout.flush()


def _end_for_sure(code: int, before: set[threading.Thread]) -> None:
    """Leave at once where the server left a thread behind: Python would wait for it, for ever if need be."""
    left, end = set(threading.enumerate()) - before, time.monotonic() + _THREAD_SECONDS
    for thread in left:
        thread.join(max(0.0, end - time.monotonic()))
    if any(thread.is_alive() for thread in left):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # nobody reads it any more
                stream.flush()
        os._exit(code)
