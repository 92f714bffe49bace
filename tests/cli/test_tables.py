"""The command line's tables of results, in terminals of any width."""

import re

import pytest

from lfsr_tf.cli.console import console
from lfsr_tf.cli.tables import print_by_scan, print_table
from lfsr_tf.evaluation.report.views import Cell, Row, Table

METHODS = ("Zero-filling", "Cubic", "Non-local means", "own network", "Network")
SIGMAS = ("0", "0.03", "0.06")


def figures(number: int) -> tuple[Cell, ...]:
    """Different for every row and method."""
    return tuple(
        Cell(f"{20 + number}.{column}1", f"± 0.{number}{column}", best=column == 4) for column in range(5)
    )


VIEW = Table(
    "PSNR (dB). Mean ± standard deviation over volumes.",
    ("Contrast", "σ", "Volumes"),
    METHODS,
    tuple(
        Row((contrast, sigma, "3 (2 subjects)"), figures(3 * block + row))
        for block, contrast in enumerate(("All", "T1w"))
        for row, sigma in enumerate(SIGMAS)
    ),
)


@pytest.mark.parametrize("width", [40, 50, 60, 70, 80, 100, 140])
def test_every_word_and_figure_is_whole_at_any_width(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_width", width)
    print_table(VIEW)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= width
    assert "…" not in printed
    words = [word for name in (*METHODS, "All", "T1w", *SIGMAS) for word in name.split()]
    words += [text for row in VIEW.rows for cell in row.cells for text in (cell.text, cell.note[2:])]
    assert set(words) <= set(re.findall(r"[^\s│┃±]+", printed))


@pytest.mark.parametrize(("width", "tables"), [(100, 1), (80, 1), (60, 2), (40, 2 * len(SIGMAS))])
def test_figures_stand_below_each_other_before_tables_are_parted(
    width: int, tables: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_width", width)
    print_table(VIEW)
    assert capsys.readouterr().out.count("┏") == tables


def test_names_give_no_orders_to_the_terminal_and_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    view = Table("Caption", ("σ",), ("[bold]own", "two\x1b[2Jlines"), (Row(("0",), figures(0)[:2]),))
    print_table(view)
    scans = Table("Caption", ("Image", "Scan", "Contrast", "Signal"), view.columns, ())
    row = Row(("Magnitude", "[of_many].h5", "T1w", "68 %"), figures(0)[:2])
    print_by_scan(Table(scans.caption, scans.headings, scans.columns, (row,)))
    printed = capsys.readouterr().out
    assert printed.count("[bold]own") == 2 and "[of_many].h5: T1w, signal 68 %" in printed
    assert "\x1b[2J" not in printed
