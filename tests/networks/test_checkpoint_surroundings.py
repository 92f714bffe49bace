"""What is around saving and loading a model: signals that come meanwhile, and a scope of classes."""

import signal
from pathlib import Path

import keras
import pytest
from keras.src.saving import saving_lib

from lfsr_tf.errors import ModelError
from lfsr_tf.networks import ModelInfo, build_network, load_model, save_model


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_keras_saves_or_loads_is_not_swallowed(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*args: object) -> None:
        raise KeyboardInterrupt

    earlier = signal.signal(number, told)
    # Within both there is a bare `except`, in which this is asked.
    asked = saving_lib.is_memory_sufficient

    def signalled(model: keras.Model) -> bool:
        signal.raise_signal(number)
        return bool(asked(model))

    try:
        model = build_network("ResidualSR", blocks=1, filters=4)
        info = ModelInfo("mine", "ResidualSR", {"blocks": 1, "filters": 4}, 2)
        save_model(model, info, tmp_path / "best.keras")
        monkeypatch.setattr(saving_lib, "is_memory_sufficient", signalled)
        with pytest.raises(KeyboardInterrupt):
            save_model(model, info, tmp_path / "other" / "best.keras")
        with pytest.raises(KeyboardInterrupt):
            load_model(tmp_path)
    finally:
        signal.signal(number, earlier)


class Doubled(keras.layers.UpSampling2D):
    """A layer of one's own that nobody registered."""


def test_a_class_in_a_scope_of_its_own_is_loaded_in_that_scope(tmp_path: Path) -> None:
    given = keras.Input((None, None, 1))
    model = keras.Model(given, Doubled(name="doubled")(given))
    with keras.saving.custom_object_scope({"Doubled": Doubled}):
        save_model(model, ModelInfo("own", "own", {}, 2), tmp_path / "own.keras")
        assert isinstance(load_model(tmp_path / "own.keras").model.layers[-1], Doubled)
    with pytest.raises(ModelError, match="import the module"):
        load_model(tmp_path / "own.keras")
