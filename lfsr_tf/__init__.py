"""lfsr_tf: sharp brain images from noisy, low-resolution low-field MR scans, and how far to trust them.

`import lfsr_tf as lfsr` gives the names below; each is imported when it is first used, so that the import
itself and the command line's help stay fast. Keras' own `keras.saving.load_model(file, compile=False)` knows
the layers of the package once `lfsr_tf.networks` has been imported.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
