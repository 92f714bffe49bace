"""LR/HR pairs: from scans to TFRecord shards, and from shards to `tf.data`.

Names are imported when they are first used: preparing needs no TensorFlow in the directing process.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
