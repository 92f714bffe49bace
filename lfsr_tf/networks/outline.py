"""Networks as they would be: every weight has its path and shape, but no values and no memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
from keras.src.backend.common import global_state

# What Keras says of a variable of values.
_REFUSED = "create a variable while in a stateless scope"


def outline(build: Callable[[], keras.Model]) -> keras.Model:
    """Build a network without giving its weights values, which takes no memory, whatever their number.

    Args:
        build: Makes the network. Called a second time, and outside, where a layer makes variables of values
            instead of an initializer: Keras refuses these here.

    Returns:
        The network: for its layers and the paths and shapes of its weights alone.

    Raises:
        Exception: Whatever `build` raises.
    """
    # Keras keeps the classes of a `custom_object_scope` for the thread that entered it.
    known = dict(global_state.get_global_attribute("custom_objects_scope_dict") or {})
    # Keras would give the weights their values at this thread's next call: another one has no next call.
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(_built, build, known).result()
        except ValueError as error:
            if _REFUSED not in str(error):
                raise
            return build()


def _built(build: Callable[[], keras.Model], known: Mapping[str, Any]) -> keras.Model:
    with keras.saving.custom_object_scope(known), keras.StatelessScope(initialize_variables=False):
        return build()
