from collections.abc import Callable

import pytest
from typer.testing import Result

from lfsr_tf.cli.models import models
from lfsr_tf.errors import ModelError
from lfsr_tf.models import list_models, read_card

Run = Callable[..., Result]


def test_all_models_are_listed(run_command: Run) -> None:
    result = run_command(models)
    assert result.exit_code == 0
    for name in list_models():
        assert any(line.startswith(name) for line in result.output.splitlines())


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_no_word_of_the_list_is_cut_or_broken(
    run_command: Run, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = run_command(models)
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= columns
    for name in list_models():
        card = read_card(name)
        words = f"{name} {card.info.network} {card.parameters:,} multiply-adds {card.summary}".split()
        assert all(any(word in line for line in lines) for word in words)


def test_a_card_is_printed_whole(run_command: Run) -> None:
    card = read_card("fast")
    output = run_command(models, "fast").output
    assert "Not a medical device" in output
    assert card.sha256 in output
    assert all(source in output for source in (*card.data, *card.known_failures))
    assert output.count("zero-filling") == len(card.results)


def test_an_unknown_model_is_refused(run_command: Run) -> None:
    error = run_command(models, "slow").exception
    assert isinstance(error, ModelError)
    assert "Received: slow" in str(error)
