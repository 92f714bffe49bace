"""docs/api.md lists the public names, all of them and no other."""

import importlib
import re
from pathlib import Path

import lfsr_tf

ROOT = Path(__file__).resolve().parents[2]
FIRST_CELLS = re.findall(
    r"^\| (`.*?`) \|", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE
)
NAMES = [name for cell in FIRST_CELLS for name in re.findall(r"`(.*?)`", cell)]


def test_the_page_lists_every_public_name_once() -> None:
    assert sorted(name for name in NAMES if "." not in name) == sorted(["__version__", *lfsr_tf.__all__])


def test_other_names_of_the_page_exist() -> None:
    for place, _, name in (name.rpartition(".") for name in NAMES if "." in name):
        assert hasattr(importlib.import_module(place), name), f"{place}.{name}"


def test_what_the_examples_of_the_pages_import_is_listed() -> None:
    listed = {name.rpartition(".")[2] for name in NAMES}
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        imported = re.findall(r"^from lfsr_tf[\w.]* import (.+)$", text, re.MULTILINE)
        used = {name.strip() for names in imported for name in names.split(",")}
        used |= set(re.findall(r"\blfsr\.(\w+)\(", text))
        assert used <= listed, f"{page.name}: {used - listed}"
