"""A worker process of a local run: Beam's own, without its lines on what works and what is not installed."""

from __future__ import annotations

import logging
import sys

_BEAMS = "apache_beam.runners.worker.sdk_worker_main"


def quiet(command: bytes) -> bytes:
    """Beam's command of a worker process, as one for a worker of this module."""
    return command.replace(_BEAMS.encode(), __name__.encode())


def main() -> None:
    """Work as Beam's module does."""
    logging.basicConfig(level=logging.ERROR)
    # Beam lets everything through until it has read its options.
    logging.getLogger(_BEAMS).setLevel(logging.ERROR)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
