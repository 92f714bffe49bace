"""Which numbers the network computes in: float32, or a 16-bit type with float32 weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

# Without these instructions a CPU emulates bfloat16 and is slower than in float32.
_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
# NVIDIA's Ampere generation, the first with bfloat16 matrix units.
_BFLOAT16_CAPABILITY = (8, 0)


def resolve_policy(requested: str) -> str:
    """The Keras dtype policy to train with.

    Args:
        requested: A policy's name, or "auto": "mixed_bfloat16" where the processor that will train computes
            bfloat16 natively, "float32" elsewhere.

    Returns:
        "float32", "mixed_bfloat16" or "mixed_float16".
    """
    return native_policy("mixed_bfloat16") if requested == "auto" else requested


def native_policy(policy: str) -> str:
    """The policy itself, or "float32" instead of bfloat16 where the processor would have to emulate that."""
    return "float32" if policy == "mixed_bfloat16" and not _has_bfloat16() else policy


def _has_bfloat16() -> bool:
    # Here, since the networks themselves run without TensorFlow.
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    native = [tuple(each.get("compute_capability", (0, 0))) >= _BFLOAT16_CAPABILITY for each in details]
    return all(native) if native else cpu_has_bfloat16()


def cpu_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU's flags name native bfloat16 instructions; False where the flags cannot be read."""
    try:
        return not _BFLOAT16_FLAGS.isdisjoint(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return False


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build layers under the policy `name` and give the caller's policy back afterwards."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
