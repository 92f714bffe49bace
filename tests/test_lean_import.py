"""What a program imports with TensorFlow, each in a process of its own."""

import os
import subprocess
import sys

UNNEEDED = ("jax", "matplotlib", "pandas")
FIRST = "import sys; from lfsr_tf.lean_import import import_tensorflow; import_tensorflow(); "


def printed(code: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    command = [sys.executable, "-c", FIRST + code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment | variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_keras_comes_with_it_and_what_is_not_needed_does_not() -> None:
    code = f"print('keras' in sys.modules, [name for name in {UNNEEDED} if name in sys.modules])"
    assert printed(code) == "True []"


def test_what_was_left_out_can_be_imported_afterwards() -> None:
    code = "import jax, matplotlib.pyplot, pandas, keras; print(keras.backend.backend(), pandas.DataFrame())"
    assert printed(code).startswith("tensorflow Empty DataFrame")


def test_another_backend_gets_what_it_takes() -> None:
    assert printed("import keras; print(keras.backend.backend())", KERAS_BACKEND="jax") == "jax"


def test_garbage_is_collected_as_before() -> None:
    assert printed("import gc; print(gc.isenabled(), gc.get_freeze_count() > 100_000)") == "True True"
