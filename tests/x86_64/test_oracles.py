"""The lists of what the oracles do not know or get wrong are still true: each example behaves as its entry says."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version

import iced_x86 as iced
import llvmlite.binding as llvm
import pytest

from x86_64 import parse_att

from .assemblers import assemble, gnu_available
from .oracles import DIFFERENT, ICED_UNREPORTED, NEWER, REFUSED, VERSIONS, Known


def _installed(which: str) -> str:
    if which == "llvm":
        return str(llvm.llvm_version_info[0])
    return subprocess.run(["as", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


@pytest.mark.parametrize("which", ["gnu", "llvm"])
def test_assemblers_still_behave_so(which: str) -> None:
    if which == "gnu" and not gnu_available():
        pytest.skip("GNU as is not on PATH")
    if not _installed(which).endswith(VERSIONS[which]):
        pytest.skip(f"the lists are for version {VERSIONS[which]}")

    def stale(entries: tuple[Known, ...], refuses: bool) -> list[str]:
        results = assemble([k.example for k in entries], which)
        return [
            k.example
            for k, result in zip(entries, results, strict=True)
            if not re.fullmatch(k.pattern, k.example)
            or (result.code is None) != refuses
            or result.code == parse_att(k.example).encode()
        ]

    assert stale(REFUSED[which], True) == []
    assert stale(DIFFERENT[which], False) == []


@pytest.mark.parametrize("feature", NEWER)
def test_only_llvm_knows(feature: str) -> None:
    line = NEWER[feature]
    assert feature in parse_att(line).effects.features
    (theirs,) = assemble([line], "llvm")
    assert theirs.code == parse_att(line).encode()
    assert not hasattr(iced.CpuidFeature, feature)
    if gnu_available() and _installed("gnu").endswith(VERSIONS["gnu"]):
        (refused,) = assemble([line], "gnu")
        assert refused.code is None


@pytest.mark.skipif(version("iced-x86") != "1.21.0", reason="the list is for iced-x86 1.21.0")
@pytest.mark.parametrize("code", ICED_UNREPORTED)
def test_iced_still_does_not_report(code: str) -> None:
    what = ICED_UNREPORTED[code]
    value = getattr(iced.Code, code)
    instruction = iced.Instruction()
    instruction.code = value
    if iced.OpCodeInfo(value).op_count:
        instruction.op0_kind = iced.OpKind.MEMORY
        instruction.memory_base = iced.Register.RBX
    info = iced.InstructionInfoFactory().info(instruction)
    if what == "memory":
        assert not info.used_memory()
    else:
        assert getattr(iced.Register, what.upper()) not in {use.register for use in info.used_registers()}
