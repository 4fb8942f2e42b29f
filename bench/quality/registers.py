"""What it would bring if stencils could use rbp, by which traces find their frame and unwinders walk.

The same stencils compiled by an LLVM that may use it. What it saves and restores then is left out, as if rbp were one of
the registers that are dead between stencils. Such code cannot run: only its bytes are counted.
"""

import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from bench.baseline.minipy import MINIPY
from bench.frame.machine import ROOT
from bench.frame.report import Cell, Column, Options, Report, Table
from llvm_passes import cold, worker
from stencilgen.config import Config, load_config
from stencilgen.layout import frame
from stencilgen.layout.code import Code
from stencilgen.pipeline import BuiltStencil, build
from x86_64 import Instruction, rbp

__all__ = ["MACHINES", "Count", "count", "run", "with_rbp"]

MACHINES = {
    "wide_vm": ROOT / "tests" / "differential" / "wide_vm",
    "vm": ROOT / "tests" / "differential" / "vm",
    "minipy": MINIPY,
}
"""Small, made for every way to write a stencil, and real."""


def run(options: Options) -> Report:
    """Stencils that would use it, and bytes."""
    rows: list[tuple[Cell, ...]] = []
    for name in list(MACHINES)[: 1 if options.quick else None]:
        config = load_config(MACHINES[name])
        without, used = count(_built(config)), count(with_rbp(config))
        rows.append((name, used.stencils, used.users, without.hot, used.hot, used.hot / without.hot - 1))
    columns = (
        Column("machine"),
        Column("stencils"),
        Column("would use rbp"),
        Column("hot", "bytes", ",d"),
        Column("hot with rbp", "bytes", ",d"),
        Column("difference", format="+.1%"),
    )
    return Report(tables=(Table("what rbp would bring to stencils", columns, tuple(rows)),))


def with_rbp(config: Config) -> tuple[BuiltStencil, ...]:
    """The stencils as they would be if rbp were theirs."""
    with _rbp_for_stencils():
        return _built(config)


def _built(config: Config) -> tuple[BuiltStencil, ...]:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build(config, jobs=1, cache=False, directory=Path(folder)).stencils


class Count(NamedTuple):
    """Stencils, those of them that use rbp, and the hot bytes of all at most."""

    stencils: int
    users: int
    hot: int


def count(stencils: Sequence[BuiltStencil]) -> Count:
    """What the stencils are and use."""
    users = sum(re.search(r"\b(rbp|ebp|bp|bpl)\b", stencil.dasc) is not None for stencil in stencils)
    return Count(len(stencils), users, sum(stencil.max_hot for stencil in stencils))


_SAVES = (Instruction("PUSH", (rbp,)), Instruction("POP", (rbp,)))


@contextmanager
def _rbp_for_stencils() -> Iterator[None]:
    """LLVM runs in this process meanwhile, where its attributes can be changed."""
    attributes = cold.STENCIL_ATTRIBUTES.replace('"frame-pointer"="reserved"', '"frame-pointer"="none"')
    assert attributes != cold.STENCIL_ATTRIBUTES
    strip = frame.strip_frame

    def strip_without_saves(code: Code, **place: Any) -> Code:
        def kept(instructions: Sequence[Instruction]) -> tuple[Instruction, ...]:
            return tuple(instruction for instruction in instructions if instruction not in _SAVES)

        blocks = (replace(block, instructions=kept(block.instructions)) for block in code.blocks)
        return strip(replace(code, blocks=tuple(blocks)), **place)

    def one_by_one(function: Callable[[Any], Any], work: Sequence[Any], jobs: int) -> Iterator[Any]:
        return map(function, work)

    with ExitStack() as patches:
        for name, replacement in {
            "llvm_passes.cold.STENCIL_ATTRIBUTES": attributes,
            "llvm_passes.backend.check_options": lambda: None,
            "llvm_passes.codegen._ask_worker": worker.answer,
            "stencilgen.pipeline.map_in_processes": one_by_one,
            "stencilgen.layout.frame._change_of_rbp": lambda code: None,
            "stencilgen.lowering.strip_frame": strip_without_saves,
        }.items():
            patches.enter_context(patch(name, replacement))
        yield
