"""Models behind servers: their export, and what serves and asks them.

Here stand the export to SavedModels, checked with TensorFlow's own C++ loader, and to OpenVINO's files. In
the folders: `signatures`, what an exported model answers; `server`, this package's own server with its page;
`clients`, which ask that server or TensorFlow Serving.
"""

from lfsr_tf.serving.export import export_model
from lfsr_tf.serving.loader_check import check_saved_model

__all__ = ["check_saved_model", "export_model"]
