"""Which dtype policy "auto" means, and that asking for one leaves no trace."""

from pathlib import Path

import keras
import pytest

from lfsr_tf.precision import cpu_has_bfloat16, dtype_policy, resolve_policy


@pytest.mark.parametrize(
    ("flags", "native"),
    [("fpu avx2 avx512_bf16 avx512f", True), ("amx_bf16", True), ("fpu avx512f", False), ("", False)],
)
def test_bfloat16_is_native_where_the_cpu_says_so(tmp_path: Path, flags: str, native: bool) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"model name : any\nflags : {flags}\n")
    assert cpu_has_bfloat16(cpuinfo) is native


def test_a_machine_without_cpuinfo_has_no_bfloat16(tmp_path: Path) -> None:
    assert cpu_has_bfloat16(tmp_path / "missing") is False


def test_auto_follows_the_cpu_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "lfsr_tf.precision"
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: [])
    monkeypatch.setattr(f"{module}.cpu_has_bfloat16", lambda: True)
    assert resolve_policy("auto") == "mixed_bfloat16"
    monkeypatch.setattr(f"{module}.cpu_has_bfloat16", lambda: False)
    assert resolve_policy("auto") == "float32"


def test_a_named_policy_is_taken_as_it_is() -> None:
    assert resolve_policy("mixed_float16") == "mixed_float16"


def test_the_callers_policy_comes_back_even_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), dtype_policy("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        raise ZeroDivisionError
    assert keras.config.dtype_policy().name == "float32"
