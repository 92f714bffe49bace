"""The architecture, as far as a machine can check it: imports point one way, and start-up stays light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "lfsr_tf"

# Each folder may import from itself and from these.
ALLOWED = {
    "physics": set(),
    "scans": {"physics"},
    "pairs": {"physics", "scans"},
    "networks": set(),
    "models": {"networks"},
    "training": {"physics", "scans", "pairs", "networks"},
    "evaluation": {"physics", "scans", "pairs", "networks"},
    "inference": {"physics", "scans", "pairs", "networks"},
    "serving": {"physics", "scans", "pairs", "networks", "inference"},
    "cli": {
        "physics",
        "scans",
        "pairs",
        "networks",
        "models",
        "training",
        "evaluation",
        "inference",
        "serving",
    },
}
EVERYWHERE = {
    "error_model",
    "errors",
    "graphs",
    "hashing",
    "lean_import",
    "locking",
    "model_info",
    "placing",
    "precision",
    "presets",
    "processors",
    "settings",
    "signals",
    "storage",
    "subprocesses",
    "__init__",
}


def imported_folders(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= (
                {node.module} if node.module != "lfsr_tf" else {f"lfsr_tf.{a.name}" for a in node.names}
            )
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    parts = [module.split(".") for module in modules]
    return {part[1] for part in parts if part[0] == "lfsr_tf" and len(part) > 1} - {"__version__"}


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_imports_point_downward_only(folder: str) -> None:
    allowed = ALLOWED[folder] | EVERYWHERE | {folder}
    wrong = {
        str(path.relative_to(PACKAGE)): sorted(imported_folders(path) - allowed)
        for path in (PACKAGE / folder).rglob("*.py")
        if imported_folders(path) - allowed
    }
    assert not wrong


# Of data_pipelines/: a data set stands on what all builders share, and nothing of the package on any of them.
PIPELINES, STUDIES = PACKAGE.parent / "data_pipelines", PACKAGE.parent / "studies"
BESIDE = {"running": set(), "archive": {"running"}, "pairs_builder": {"running"}}


def imported_pipelines(path: Path) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    modules = [node.module.split(".") for node in nodes if node.module and not node.level]
    return {module[1] for module in modules if module[0] == "data_pipelines" and len(module) > 1}


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in PIPELINES.glob("*/__init__.py")))
def test_pipelines_import_downward_only(folder: str) -> None:
    allowed = BESIDE.get(folder, {"running", "pairs_builder"}) | {folder}
    wrong = {
        path.name: sorted(imported_pipelines(path) - allowed)
        for path in (PIPELINES / folder).glob("*.py")
        if imported_pipelines(path) - allowed
    }
    assert not wrong


def test_the_package_does_not_know_the_pipelines() -> None:
    assert not [path for path in PACKAGE.rglob("*.py") if "data_pipelines" in path.read_text()]


def test_every_folder_is_covered_by_the_rule() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert folders == set(ALLOWED)


def test_networks_run_on_any_keras_backend() -> None:
    wrong = [
        path.name
        for path in (PACKAGE / "networks").glob("*.py")
        if re.search(r"^\s*(import|from) (tensorflow|jax|torch)\b", path.read_text(), re.MULTILINE)
    ]
    assert not wrong


@pytest.mark.parametrize("module", ["lfsr_tf", "lfsr_tf.cli.app", "lfsr_tf.cli.models, lfsr_tf.models"])
def test_start_up_does_not_import_anything_heavy(module: str) -> None:
    heavy = ("tensorflow", "keras", "scipy", "skimage", "matplotlib", "nibabel", "pydicom", "h5py", "numpy")
    code = f"import sys, {module}; print(sorted(set({heavy!r}) & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_files_and_functions_stay_readable() -> None:
    long_files, long_functions = [], []
    files = (path for folder in (PACKAGE, PIPELINES, STUDIES) for path in folder.rglob("*.py"))
    for path in files:
        text = path.read_text()
        if len(text.splitlines()) > 300:
            long_files.append(path.name)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                # Those of tests beside the builders state what is expected in tables.
                longest = 30 if node.name.startswith("test_") else 25
                if body and (node.end_lineno or 0) - body[0].lineno + 1 > longest:
                    long_functions.append(f"{path.name}:{node.name}")
    assert (long_files, long_functions) == ([], [])
