"""Run by test_lost_service: `lfsr train` beside a service whose worker is killed after an epoch."""

import os
import sys
import threading
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from lfsr_tf.cli import app
from lfsr_tf.pairs.private_network import enter_private_network
from lfsr_tf.pairs.service import PORT, Process, servers

SETTINGS = {
    "network_settings": "{blocks=1, filters=4}",
    "batch_size": 16,
    "epochs": 60,
    "steps_per_epoch": 4,
    "dtype_policy": "float32",
    "pipeline.service": f"'grpc://127.0.0.1:{PORT}'",
}


def kill_after_an_epoch(process: Process, state: Path) -> None:
    """Wait for the first epoch to be committed, then kill, and let the training wait less than it would."""
    while not state.exists():
        time.sleep(0.01)
    # Here, since TensorFlow's threads would keep the process out of a network of its own.
    from lfsr_tf.pairs import service_watch

    service_watch.SILENCE_S, service_watch.ASK_S = 3.0, 2.0
    process.kill()


def main(records: str, run: str) -> None:
    """Train, and have the only worker killed."""
    enter_private_network()
    running = servers(1, PORT)
    worker, state = running[1], Path(run, "state.json")
    threading.Thread(target=kill_after_an_epoch, args=(worker, state), daemon=True).start()
    changes = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    try:
        sys.argv = ["lfsr", "train", records, "-o", run, "--preset", "demo", *changes]
        app.main()
    finally:
        for process in running:
            process.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
