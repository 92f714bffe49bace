"""Tables of results for terminals of any width: no word is broken and no figure is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from lfsr_tf.cli.console import console
from lfsr_tf.errors import printable_line

if TYPE_CHECKING:
    from lfsr_tf.evaluation.report.views import Cell, Row, Table as View

# Wider than any terminal: a table's own width is asked for.
_UNLIMITED = 100_000
# Between the words of a heading, and between a figure and its spread: beside or below each other.
_JOINTS = (" ", "\n")


def fits(table: RichTable, *, wrapped: bool = False) -> bool:
    """Whether the terminal is wide enough for a table's lines, or, where they are wrapped, for its words.

    Args:
        table: Not printed yet.
        wrapped: Whether lines may be broken between words; columns of `no_wrap` have one word a line then.
    """
    width = Measurement.get(console, console.options.update_width(_UNLIMITED), table)
    return (width.minimum if wrapped else width.maximum) <= console.width


def print_table(view: View) -> None:
    """Print a table of the report without the number of volumes, which the report has.

    Where the terminal is too narrow for it, methods are rows instead, in a table a contrast.

    Args:
        view: Whose last heading but the volumes is the noise level.
    """
    shown = [index for index, heading in enumerate(view.headings) if heading != "Volumes"]
    for table in (_as_in_the_report(view, shown, joint) for joint in _JOINTS):
        if fits(table):
            console.print(table)
            return
    *outer, level = shown
    groups: dict[str, dict[str, Row]] = {}
    for row in view.rows:
        title = ", ".join(row.headings[index] for index in outer)
        groups.setdefault(title, {})[f"{view.headings[level]} {row.headings[level]}"] = row
    _print_groups(view, groups)


def print_by_scan(view: View) -> None:
    """Print the table of measured k-space, a table a scan: the name of a file fills a line by itself.

    Args:
        view: Of `outer_band_table`.
    """
    groups: dict[str, dict[str, Row]] = {}
    for row in view.rows:
        image, name, contrast, signal = row.headings
        groups.setdefault(f"{name}: {contrast}, signal {signal}", {})[image] = row
    _print_groups(view, groups)


def _as_in_the_report(view: View, shown: Sequence[int], joint: str) -> RichTable:
    table = RichTable(title=view.caption, title_justify="left", title_style="bold")
    for index in shown:
        table.add_column(view.headings[index], no_wrap=True)
    for column in view.columns:
        heading = Text(printable_line(column).replace(" ", joint))
        table.add_column(heading, justify="right", no_wrap=True)
    for row in view.rows:
        headings = (escape(row.headings[index]) for index in shown)
        table.add_row(*headings, *(_marked(cell, joint) for cell in row.cells))
    return table


def _print_groups(view: View, groups: Mapping[str, Mapping[str, Row]]) -> None:
    """For each title a table with one row a method and one column a row of the view."""
    console.print(view.caption, style="bold", markup=False)
    for title, rows in groups.items():
        if title:
            console.print(title, soft_wrap=True, markup=False)
        for table in _turned(view.columns, rows):
            console.print(table)


def _turned(methods: Sequence[str], rows: Mapping[str, Row]) -> list[RichTable]:
    """One table, or a table a column where the terminal is too narrow for all of them."""
    for table in (_by_method(methods, rows, joint) for joint in _JOINTS):
        if fits(table):
            return [table]
    return [_by_method(methods, {heading: row}, "\n") for heading, row in rows.items()]


def _by_method(methods: Sequence[str], rows: Mapping[str, Row], joint: str) -> RichTable:
    table = RichTable()
    # The name of a network is of any length.
    table.add_column("Method", overflow="fold")
    for heading in rows:
        table.add_column(heading, justify="right", no_wrap=True)
    for method, *cells in zip(methods, *(row.cells for row in rows.values()), strict=True):
        table.add_row(escape(method), *(_marked(cell, joint) for cell in cells))
    return table


def _marked(cell: Cell, joint: str) -> Text:
    # No space behind the sign: more methods fit beside each other.
    note = f"{joint}{cell.note.replace('± ', '±')}" if cell.note else ""
    return Text.assemble((cell.text, "bold" if cell.best else ""), note)
