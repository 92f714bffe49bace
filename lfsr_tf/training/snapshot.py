"""A training's numbers on disk: the weights and the optimiser's state, as plain arrays.

In the safetensors format, made in memory and written in one piece: Keras writes HDF5 straight to the disk,
and where the disk is full the HDF5 library ends the process with a segmentation fault.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from lfsr_tf.errors import ModelError
from lfsr_tf.storage import atomic_path


def save_snapshot(model: keras.Model, path: Path) -> None:
    """Write the weights and the optimiser's state of a compiled model whose optimiser is built.

    Raises:
        OutputError: The file cannot be written; nothing is left behind.
    """
    arrays = {name: _array(variable) for name, variable in trained_variables(model).items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(arrays))


def load_snapshot(model: keras.Model, path: Path) -> None:
    """Give a compiled model, its optimiser built, what `save_snapshot` wrote.

    Raises:
        ModelError: The file is missing, damaged or of another network or optimiser; the model is as it was.
    """
    try:
        arrays = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"Expected a training's weights. Received: {path}, which is missing or damaged."
        ) from error
    variables = trained_variables(model)
    expected = {name: (tuple(variable.shape), variable.dtype) for name, variable in variables.items()}
    if expected != {name: (array.shape, str(array.dtype)) for name, array in arrays.items()}:
        raise ModelError(
            f"Expected the weights of this training's network. Received: {path}, which has those of another "
            "architecture."
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def trained_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Every variable under a name of its own, the same in every process.

    The optimiser's are numbered, since their names may repeat; so are seeds, such as those of Dropout, since
    Keras counts their names through the process.
    """
    weights = {f"model/{variable.path}": variable for variable in model.weights}
    seeds = (variable for variable in model.variables if f"model/{variable.path}" not in weights)
    numbered = {"seed": seeds, "optimizer": model.optimizer.variables}
    return weights | {
        f"{kind}/{number}": each for kind, every in numbered.items() for number, each in enumerate(every)
    }


def _array(variable: keras.Variable) -> NDArray[np.generic]:
    # Of several devices' copies Keras gives the first.
    return np.asarray(keras.ops.convert_to_numpy(variable.value), order="C")
