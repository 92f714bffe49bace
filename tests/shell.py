"""Commands as a reader of the pages types them."""

import os
import subprocess
import sys
from pathlib import Path


def run_shell(script: str, folder: Path, **variables: str) -> str:
    """Run a script in Bash, with further variables; it must succeed, and gives what it printed."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path} | variables
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, f"{script}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result.stdout
