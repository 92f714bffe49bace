"""Versions of models in memory: loaded, warmed up, swapped, given back."""
