"""Tables in a page of docs/studies: each stands between two marks and is renewed from the results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lfsr_tf.errors import ConfigError
from lfsr_tf.storage import atomic_path


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first column to the left and all others to the right."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def renewed(text: str, tables: Mapping[str, str]) -> str:
    """A page's text with the named tables in place of those that stand there.

    Args:
        text: Of the page, with `<!-- table: NAME -->` and `<!-- end -->` around each table.
        tables: Markdown by name.

    Raises:
        ConfigError: The page lacks a table, or has one that is not made.
    """
    pattern = re.compile(r"(<!-- table: ([\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
    names = [match.group(2) for match in pattern.finditer(text)]
    if sorted(names) != sorted(tables):
        expected, received = (", ".join(sorted(listed)) for listed in (tables, names))
        raise ConfigError(f"Expected marks for the tables {expected}. Received: {received}.")
    return pattern.sub(lambda match: f"{match.group(1)}{tables[match.group(2)]}\n{match.group(3)}", text)


def renew(page: Path, tables: Mapping[str, str]) -> None:
    """Put tables into a page on disk."""
    text = renewed(page.read_text(encoding="utf-8"), tables)
    with atomic_path(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
