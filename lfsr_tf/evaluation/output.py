"""The folder that an evaluation leaves: report, figures for people and for programs, pictures."""

from __future__ import annotations

from pathlib import Path

from lfsr_tf.evaluation.report import write_pictures, write_report
from lfsr_tf.evaluation.report.curves import History
from lfsr_tf.evaluation.results import Results, write_csv
from lfsr_tf.evaluation.tables import to_json
from lfsr_tf.storage import is_litter, write_json

REPORT_FILE = "report.html"
JSON_FILE = "results.json"
CSV_FILE = "results.csv"
PICTURES_FOLDER = "pictures"


def is_result(path: Path) -> bool:
    """Whether an entry of a folder is one of the things that `write_results` wrote there."""
    if not (path.parent / JSON_FILE).is_file():
        return False
    if path.name == PICTURES_FOLDER:
        return path.is_dir() and all(
            picture.suffix == ".png" or is_litter(picture) for picture in path.iterdir()
        )
    return path.name in (REPORT_FILE, JSON_FILE, CSV_FILE)


def write_results(results: Results, folder: Path, *, history: History | None = None) -> None:
    """Write `report.html`, `results.json`, `results.csv` and `pictures/*.png`.

    The CSV has one row for each slice, noise level, method and region.

    Args:
        results: From `evaluate`.
        folder: An existing folder; `storage.atomic_folder` makes the whole of it appear at once.
        history: Columns of the run's `history.csv`, for the training curves.

    Raises:
        OutputError: A file cannot be written.
    """
    write_json(folder / JSON_FILE, to_json(results))
    write_csv(results, folder / CSV_FILE)
    write_pictures(results.pictures, folder / PICTURES_FOLDER)
    write_report(results, results.pictures, folder / REPORT_FILE, history=history)
