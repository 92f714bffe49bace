"""Where tests start servers of TensorFlow, which listen on every interface: where there is only loopback."""

import subprocess
import sys

import pytest

ENTER = "from lfsr_tf.pairs.private_network import enter_private_network as enter; enter()"


def needs_private_network() -> None:
    """Skip where the system makes none."""
    tried = subprocess.run([sys.executable, "-c", ENTER], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"this system makes no network namespaces: {tried.stderr.splitlines()[-1]}")
