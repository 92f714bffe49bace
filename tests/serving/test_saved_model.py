"""An exported model in the hands of those who have TensorFlow and nothing of this package."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.serving.signatures import SIGNATURES

CLI = Path(sys.executable).with_name("saved_model_cli")
WITHOUT_KERAS = """
import sys
# A module that is None cannot be imported.
sys.modules.update(keras=None, lfsr_tf=None)
import numpy as np
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
answer = loaded.signatures["serving_default"](image=tf.constant(np.load(sys.argv[2])))
np.save(sys.argv[3], answer["sr"].numpy())
"""


def run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.npy"
    np.save(path, np.random.default_rng(0).random((1, 20, 17, 1), np.float32))
    return path


def test_saved_model_cli_shows_every_signature_by_its_names(exported: Path) -> None:
    shown = run(CLI, "show", "--dir", exported, "--all")
    for name, signature in SIGNATURES.items():
        assert f"signature_def['{name}']" in shown
        assert all(f"inputs['{key}']" in shown for key in signature.example(np.ones((1, 8, 8), np.float32)))
    assert "outputs['sr']" in shown and "outputs['sr_png_bytes']" in shown


def test_saved_model_cli_and_a_process_without_keras_give_the_same_answer(
    exported: Path, image: Path, tmp_path: Path
) -> None:
    asked = ["--tag_set", "serve", "--signature_def", "serving_default", "--inputs", f"image={image}"]
    run(CLI, "run", "--dir", exported, *asked, "--outdir", tmp_path)
    run(sys.executable, "-c", WITHOUT_KERAS, exported, image, tmp_path / "other.npy")
    found = np.load(tmp_path / "sr.npy")
    assert found.shape == (1, 40, 34, 1)
    np.testing.assert_allclose(found, np.load(tmp_path / "other.npy"), rtol=1e-5, atol=1e-6)
