"""Models that come with the package: weights, what is known of them, and a loader that checks them."""

from lfsr_tf.models.card import ModelCard
from lfsr_tf.models.catalogue import list_models, load_default, load_model, provenance, read_card

__all__ = ["ModelCard", "list_models", "load_default", "load_model", "provenance", "read_card"]
