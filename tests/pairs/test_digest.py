import numpy as np

from lfsr_tf.pairs import read_records
from tests.record_digest import digest_records


def altered(records: list[dict], **values: object) -> list[dict]:
    return [{**records[0], **values}, *records[1:]]


def test_order_container_and_channel_axis_do_not_count(pairs_records) -> None:
    records = list(read_records(pairs_records, "train"))
    expected = digest_records(records)
    assert digest_records(reversed(records)) == expected
    elsewhere = [
        {
            **record,
            "hr": record["hr"].astype(np.float16)[..., None],
            "subject": record["subject"].encode(),
            "key": np.int64(record["key"]),
        }
        for record in records
    ]
    assert digest_records(elsewhere) == expected


def test_every_value_of_every_record_counts(pairs_records) -> None:
    records = list(read_records(pairs_records, "train"))
    expected = digest_records(records)
    assert digest_records(records[1:]) != expected
    assert digest_records([*records, records[0]]) != expected
    first = records[0]
    hr = first["hr"].copy()
    hr[-1, -1] += 1 / 1024
    for name, value in [("hr", hr), ("sigma", first["sigma"] + 1e-6), ("slice", -1), ("subject", "someone")]:
        assert digest_records(altered(records, **{name: value})) != expected
