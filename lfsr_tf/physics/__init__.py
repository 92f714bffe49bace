"""What a scanner does to an object: Fourier operators, sampling, noise, acquisition; and a phantom to scan.

Each name is imported when it is first used: the settings and the phantom need no TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
