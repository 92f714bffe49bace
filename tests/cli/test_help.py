"""What the options say of themselves."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from lfsr_tf.cli.app import app
from lfsr_tf.evaluation import EvaluationConfig
from lfsr_tf.inference import EnhanceConfig
from lfsr_tf.networks.footprint import MOST_PIXELS_AT_ONCE, PIXELS_AT_ONCE
from lfsr_tf.pairs import PairsConfig
from lfsr_tf.serving.server.options import MIB, ModelSource, ServerOptions

SERVER = ServerOptions((ModelSource("lfsr", Path("models")),))


@pytest.mark.parametrize(
    ("command", "config", "names"),
    [
        ("enhance", EnhanceConfig(), ("acquired_matrix", "dtype")),
        (
            "evaluate",
            EvaluationConfig(),
            ("slices_per_volume", "hr_size", "data_range", "sigma_source", "batch_size", "seed"),
        ),
        ("prepare", PairsConfig(), ("validation_fraction",)),
    ],
)
def test_the_help_names_the_default_of_a_setting(
    command: str, config: object, names: tuple[str, ...]
) -> None:
    options = {option.name: option for option in get_command(app).commands[command].params}
    for name in names:
        said = options[name].help.partition("Default: ")[2].partition(",")[0].removesuffix(".")
        assert said == str(getattr(config, name)), name


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("host", SERVER.host),
        ("port", SERVER.grpc_port),
        ("rest_port", SERVER.rest_port),
        ("poll_seconds", SERVER.poll_seconds),
        ("request_mib", SERVER.limits.request_bytes / MIB),
        ("waiting", SERVER.limits.waiting),
    ],
)
def test_the_help_names_the_defaults_of_a_server(name: str, default: object) -> None:
    options = {option.name: option for option in get_command(app).commands["serve"].params}
    said = options[name].help.partition("Default: ")[2].removesuffix(".")
    assert said == (f"{default:g}" if name == "request_mib" else str(default))


def test_the_help_names_the_pixel_budgets_that_networks_have() -> None:
    options = {option.name: option for option in get_command(app).commands["enhance"].params}
    said = options["pixel_budget"].help.partition("Default: ")[2]
    assert re.findall(r"\d+", said) == [str(PIXELS_AT_ONCE), str(MOST_PIXELS_AT_ONCE)]


def test_a_server_has_the_ports_of_tensorflow_serving() -> None:
    assert (SERVER.grpc_port, SERVER.rest_port) == (8500, 8501)
