"""Run by test_service beside a dispatcher and two workers: compares their pairs with those made here."""

import hashlib
import itertools
import json
import os
import socket
import sys
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from lfsr_tf.pairs import PipelineConfig, open_dataset, read_records, training_data

BATCH, PASSES = 7, 3


def passes(folder: Path, seed: int, service: str) -> tuple[list[list[bytes]], str]:
    """HR bytes of every pair of the first passes, and a hash of everything that came."""
    options = PipelineConfig(
        lr_patch=0 if folder.name == "slices" else None,
        gain_min=1.0,
        gain_max=1.0,
        shards_at_once=2,
        service=service,
    )
    count = open_dataset(folder).train.records
    data = training_data(folder, BATCH, seed=seed, options=options, with_sigma=True)
    batches = list(itertools.islice(data.as_numpy_iterator(), -(-PASSES * count // BATCH)))
    everything = hashlib.sha256(b"".join(part.tobytes() for batch in batches for part in batch))
    # Of fixed pairs the noise tells patches apart, of slices HR does: their noise is new in every pass.
    pairs = [image.tobytes() for lr, hr, _ in batches for image in (hr if folder.name == "slices" else lr)]
    return [pairs[n * count : (n + 1) * count] for n in range(PASSES)], everything.hexdigest()


def main(folders: list[str], service: str) -> None:
    """Print what was seen, as JSON."""
    report: dict[str, object] = {"interfaces": [name for _, name in socket.if_nameindex()]}
    for folder in map(Path, folders):
        name = "hr" if folder.name == "slices" else "lr"
        recorded = Counter(record[name].tobytes() for record in read_records(folder, "train"))
        here, there = (passes(folder, 5, address) for address in ("", service))
        report[folder.name] = {
            "records": recorded.total(),
            "same bytes": here[1] == there[1],
            "exactly once": all(Counter(one) == recorded for one in there[0]),
        }
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[2:], sys.argv[1])
