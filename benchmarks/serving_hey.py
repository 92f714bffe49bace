"""Load on a REST server by `hey` (https://github.com/rakyll/hey), whose report is read."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from processes import cpu_of_children

REQUEST_S = 60


def require_hey() -> None:
    """Say what to install.

    Raises:
        SystemExit: hey is not there.
    """
    if shutil.which("hey") is None:
        raise SystemExit("Expected hey, which loads the REST server. Not found: apt-get install hey.")


def drive_rest(url: str, body: Path, content_type: str, concurrency: int, seconds: float) -> dict[str, Any]:
    """Send the same request again and again, one connection for each that is under way.

    Raises:
        SystemExit: hey failed, or its report is not what it was.
    """
    options = ["-z", f"{seconds:g}s", "-c", str(concurrency), "-t", str(REQUEST_S), "-disable-compression"]
    command = ["hey", *options, "-m", "POST", "-T", content_type, "-D", str(body), url]
    before = cpu_of_children()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return parse_report(done.stdout) | {"cpu_seconds": cpu_of_children() - before}


def parse_report(text: str) -> dict[str, Any]:
    """The keys of `serving_load.summary` from hey's report; whatever is not answered with 200 has failed.

    Raises:
        SystemExit: There is no total in it.
    """
    total = re.search(r"^\s*Total:\s+([\d.]+) secs", text, re.MULTILINE)
    if total is None:
        raise SystemExit(f"Expected a report of hey with a total. Received: {text[:200]!r}.")
    statuses = {
        code: int(count) for code, count in re.findall(r"^\s*\[(\d{3})]\s+(\d+) responses", text, re.M)
    }
    answered = statuses.pop("200", 0)
    errors = text.partition("Error distribution:")[2]
    failures = {f"HTTP {code}": count for code, count in statuses.items()}
    failures |= {reason: int(count) for count, reason in re.findall(r"^\s*\[(\d+)]\s+(.+)$", errors, re.M)}
    latencies = dict(re.findall(r"^\s*(\d+)%+ in ([\d.]+) secs", text, re.MULTILINE))
    return {
        "answered": answered,
        "failures": failures,
        "rate": answered / float(total[1]),
        "latency_ms": {
            share: 1e3 * float(latencies[share]) if share in latencies else None
            for share in ("50", "95", "99")
        },
    }
