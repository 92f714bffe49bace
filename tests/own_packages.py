"""Programs that find no packages but the project's own, as after a plain `pip install .`."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Python runs a module of this name before any program.
_BLOCKER = """
import sys
from importlib.abc import MetaPathFinder

BLOCKED = frozenset({modules!r})


class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Missing())
"""


def block_other_packages(folder: Path) -> Path:
    """Write what makes packages missing for programs that have the folder on their PYTHONPATH.

    Returns:
        The folder.
    """
    folder.mkdir()
    own = set(_with_dependencies("lfsr_tf"))
    others = [
        module
        for module, packages in packages_distributions().items()
        if not own & {canonicalize_name(package) for package in packages}
    ]
    (folder / "sitecustomize.py").write_text(_BLOCKER.format(modules=sorted(others)))
    return folder


def _with_dependencies(package: str) -> Iterator[str]:
    """The package and what it needs, and what that needs, without any extra."""
    seen, waiting = set(), [Requirement(package)]
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), sorted(requirement.extras) or [""]
        if (name, *extras) in seen:
            continue
        seen.add((name, *extras))
        try:
            needed = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:
            continue
        yield name
        waiting += [
            other
            for other in needed
            if other.marker is None or any(other.marker.evaluate({"extra": extra}) for extra in extras)
        ]
