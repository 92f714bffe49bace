"""Export: SavedModels that TensorFlow Serving loads, checked with TensorFlow's own C++ loader."""

from lfsr_tf.serving.export import export_model
from lfsr_tf.serving.loader_check import check_saved_model

__all__ = ["check_saved_model", "export_model"]
