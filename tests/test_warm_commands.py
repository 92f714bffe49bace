"""Commands that are copies of a server are what a fresh process is to the shell that starts them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shell import run_shell
from tests.warm_commands import warm_commands


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with warm_commands(tmp_path_factory.mktemp("warm"), ("lfsr", "python")) as programs:
        yield f"{programs}:{os.environ['PATH']}"


def test_streams_folder_arguments_and_variables_are_those_of_the_shell(path: str, tmp_path: Path) -> None:
    (tmp_path / "said.py").write_text(
        "import os, sys\n"
        "print(sys.stdin.read(), sys.argv, os.getcwd(), os.environ['COLOUR'], sys.path[0], __name__)\n"
        "print('aside', file=sys.stderr)\n"
    )
    printed = run_shell("printf given | COLOUR=red python said.py a 'b c' 2> aside.txt", tmp_path, PATH=path)
    words = ["given", "['said.py', 'a', 'b c']", str(tmp_path), "red", str(tmp_path), "__main__"]
    assert printed.split("\n") == [" ".join(words), ""]
    assert (tmp_path / "aside.txt").read_text() == "aside\n"


@pytest.mark.parametrize(
    ("program", "status"),
    [("pass", 0), ("raise SystemExit(7)", 7), ("1 / 0", 1), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_the_exit_code_is_the_commands(path: str, tmp_path: Path, program: str, status: int) -> None:
    (tmp_path / "end.py").write_text(program)
    assert run_shell("python end.py && echo $? || echo $?", tmp_path, PATH=path) == f"{status}\n"


@pytest.mark.parametrize(("signal", "left"), [("TERM", "asked\n"), ("KILL", "")])
def test_a_signal_ends_what_runs_in_the_background(path: str, tmp_path: Path, signal: str, left: str) -> None:
    (tmp_path / "wait.py").write_text(
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('asked', flush=True), sys.exit(3)))\n"
        "open('started.part', 'w').write(str(os.getpid()))\n"
        "os.rename('started.part', 'started')\n"
        "time.sleep(600)\n"
    )
    script = f"""
    python wait.py > out.txt & echo $! > pid
    until test -e started; do sleep 0.05; done
    kill -{signal} $(cat pid)
    wait || true
    while test -e /proc/$(cat started); do sleep 0.05; done
    """
    run_shell(script, tmp_path, PATH=path)
    assert (tmp_path / "out.txt").read_text() == left


def test_two_run_at_once_and_neither_finds_the_package_imported(path: str, tmp_path: Path) -> None:
    (tmp_path / "found.py").write_text(
        "import pathlib, sys, time\n"
        "pathlib.Path(sys.argv[1]).touch()\n"
        "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.05)\n"
        "print('tensorflow' in sys.modules, 'lfsr_tf' in sys.modules)\n"
    )
    printed = run_shell("python found.py a b & python found.py b a; wait", tmp_path, PATH=path)
    assert printed == "True False\n" * 2


def test_modules_and_the_programs_beside_python_run(path: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import sys\nprint(sys.argv[1:], sys.path[0])\n")
    assert run_shell("python -m own x", tmp_path, PATH=path) == f"['x'] {tmp_path}\n"
    assert run_shell("python -c 'import PIL; print(1)'", tmp_path, PATH=path) == "1\n"
    assert run_shell("lfsr --version", tmp_path, PATH=path).startswith("lfsr_tf ")
