"""Every row of a table on a page has as many cells as the table's head, or a cell has the wrong head."""

import re
from pathlib import Path

import pytest

from tests.docs.test_documentation import PAGES, REPOSITORY

CODE = re.compile(r"`[^`]*`")


def cells(row: str) -> int:
    """How many cells a row has, bars that are escaped or within code left out."""
    return CODE.sub("", row).replace(r"\|", "").strip().strip("|").count("|") + 1


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(REPOSITORY)) for page in PAGES])
def test_the_rows_of_a_table_have_the_cells_of_its_head(page: Path) -> None:
    head, wrong = 0, []
    for line in page.read_text(encoding="utf-8").splitlines():
        if not line.lstrip().startswith("|"):
            head = 0
        elif not head:
            head = cells(line)
        elif cells(line) != head:
            wrong.append(line)
    assert not wrong
