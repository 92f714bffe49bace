"""Clients of a model server: TensorFlow Serving, or `lfsr serve`."""

from lfsr_tf.serving.clients.connect import connect

__all__ = ["connect"]
