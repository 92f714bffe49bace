"""From scans to TFRecord shards on disk: what is listed, planned, cached and written, here or by workers."""
