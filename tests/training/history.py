"""Reading the history.csv of a run."""

import csv
from pathlib import Path
from typing import Any


def read_rows(run: Path) -> list[dict[str, Any]]:
    """One dictionary of numbers an epoch, None for an empty field."""
    with (run / "history.csv").open(encoding="utf-8", newline="") as stream:
        return [
            {name: (float(text) if text else None) for name, text in row.items()}
            for row in csv.DictReader(stream)
        ]
