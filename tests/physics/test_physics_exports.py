"""Every public name of the physics resolves, and the light ones do so without TensorFlow."""

import subprocess
import sys

import pytest

from lfsr_tf import physics


@pytest.mark.parametrize("name", physics.__all__)
def test_each_public_name_resolves(name):
    assert getattr(physics, name).__module__.startswith("lfsr_tf.physics.")


def test_the_phantom_and_the_settings_need_no_tensorflow():
    code = (
        "import sys; from lfsr_tf.physics import AcquisitionConfig, brain_phantom;"
        "AcquisitionConfig(); brain_phantom(0, 'T1w', shape=(16, 16, 1));"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
