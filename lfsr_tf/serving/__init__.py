"""Models behind servers: their export, and what serves and asks them.

Here stand the export to SavedModels, checked with TensorFlow's own C++ loader, and to OpenVINO's files. In
the folders: `signatures`, what an exported model answers; `server`, this package's own server with its page;
`clients`, which ask that server or TensorFlow Serving.

Names are imported when they are first used: a server reads its options before it needs TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
