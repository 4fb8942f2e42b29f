"""From a module's IR to each stencil's assembly: name, mark, fold, clean up, generate, cut apart.

`generate` is the whole way for one chunk of functions and runs in a worker process; `compile_functions` is what
callers use: it cuts the module into chunks, hands them to workers, and when LLVM dies over a chunk (it does so for a
syntax error in inline assembly), halves the chunk until the guilty stencil stands alone.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from llvm_passes.assembly import DataObject
from llvm_passes.callees import Callee
from llvm_passes.derive import Derived, DeriveRequest
from llvm_passes.effects import Effect
from llvm_passes.expression import JitExpr
from llvm_passes.fold import FoldOptions
from llvm_passes.last_values import LastValues, Place
from llvm_passes.module import Module, split_module
from llvm_passes.sequence import micro_op
from llvm_passes.static_depth import Movement
from llvm_passes.symbols import JitSymbol

_CHUNK_MINIMUM = 40
"""Fewer functions than this are not worth a worker of their own: loading LLVM takes as long as compiling about as
many.
"""

_SEQUENCES_MINIMUM = 8
"""The same for sequences from which units are derived: each gives about ten functions."""


@dataclass(frozen=True, slots=True)
class CompiledFunction:
    """One function on its way: `ir` with names and marks, `folded_ir` (both for people: without metadata), and
    `assembly` (AT&T, section switches included).

    `symbols` are the JIT-time values that the assembly names; `data` the constants it refers to; `callees` what it may
    call, by name as in the assembly; `indirect_callees` the kinds of its calls through a register or memory;
    `conditions` the JIT-time values that it still tests at run time; `decision`, if any, the versions that are better
    than this one, which serves for all values; `said`, `lost` what it does to facts when it goes on, and when it jumps;
    `promises` what its author assumes of JIT-time values, each of one bit: the code is right only where all of them are 1.
    `last` what it does with declared places, None where there are none; `movement` what it does with the depth of a stack whose
    depth is static.
    """

    name: str
    ir: str
    folded_ir: str
    assembly: str
    symbols: Mapping[str, JitSymbol]
    data: tuple[DataObject, ...]
    callees: Mapping[str, Callee]
    indirect_callees: tuple[Callee, ...]
    conditions: tuple[JitExpr, ...]
    decision: Decision | None = None
    said: tuple[Effect, ...] = ()
    lost: tuple[Effect, ...] = ()
    promises: tuple[JitExpr, ...] = ()
    last: LastValues | None = None
    movement: Movement | None = None

    def deciding(self, decision: Decision | None, promises: tuple[JitExpr, ...]) -> CompiledFunction:
        """The same function with versions, and what all of them rely on."""
        return replace(self, decision=decision, promises=promises)


@dataclass(frozen=True, slots=True)
class Decision:
    """What an emit function does first: `test`, of one bit, is evaluated, and one of the two emitted. optional: `no` serves in
    both cases.
    """

    test: JitExpr
    yes: CompiledFunction | Decision
    no: CompiledFunction | Decision
    optional: bool = False


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """How to compile; `fold` says what is known about holes.

    version_limit: how many versions of a function there may be; 1 for none but the function itself. split: whether rare
    code goes apart. places: whose stores are put off. stack: the position among the parameters of the pointer of a stack whose
    depth is static, if there is one.
    """

    fold: FoldOptions = field(default_factory=FoldOptions)
    version_limit: int = 16
    split: bool = True
    places: tuple[Place, ...] = ()
    stack: int | None = None


class InternalError(Exception):
    """A fault in these passes, not in the input; `stencil` is the one that shows it, the message ends with a
    traceback.
    """

    def __init__(self, stencil: str, message: str) -> None:
        super().__init__(f"internal error over stencil {stencil}:\n{message}")
        self.stencil = stencil


class CodegenError(Exception):
    """LLVM cannot compile a stencil. `stencil` names it (empty when the module as a whole is at fault)."""

    def __init__(self, stencil: str, message: str) -> None:
        super().__init__(f"stencil {stencil}: {message}" if stencil else message)
        self.stencil = stencil
        self.message = message


@dataclass(frozen=True, slots=True)
class Request:
    """One chunk of work for a worker."""

    text: str
    names: tuple[str, ...]
    options: CompileOptions


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """Modules that a worker is to make one."""

    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A worker's answer when LLVM rejects the chunk without dying; `internal` when the fault is in these passes."""

    message: str
    internal: bool = False


def compile_functions(
    ir: str | Module,
    names: Iterable[str] | None = None,
    options: CompileOptions | None = None,
    jobs: int = 1,
) -> dict[str, CompiledFunction]:
    """Compile the functions `names` (all that the module defines, if None) in up to `jobs` worker processes.

    The result is in the order of `names` and does not depend on `jobs`. Raises CodegenError, KeyError for an unknown
    name.
    """
    module = ir if isinstance(ir, Module) else split_module(ir)
    wanted = tuple(module.functions if names is None else names)
    options = options or CompileOptions()
    count = max(1, min(jobs, -(-len(wanted) // _CHUNK_MINIMUM)))
    chunks = [chunk for chunk in (wanted[number::count] for number in range(count)) if chunk]
    with ThreadPoolExecutor(max_workers=count) as pool:
        results = list(pool.map(lambda chunk: _compile_chunk(module, chunk, options), chunks))
    compiled = {function.name: function for result in results for function in result}
    return {name: compiled[name] for name in wanted}


def link(modules: Iterable[str]) -> str:
    """The IR of several modules as one; static names that clash are told apart. Raises CodegenError."""
    texts = tuple(modules)
    if len(texts) == 1:
        return texts[0]
    answer = _ask_worker(LinkRequest(texts))
    if isinstance(answer, Failure):
        raise CodegenError("", answer.message)
    assert isinstance(answer, str)
    return answer


def derive(module: Module, request: DeriveRequest, jobs: int = 1) -> tuple[Module, Derived]:
    """What is asked for, of functions of `module` (the request's text is not used), and a module that defines it.

    Raises CodegenError, InternalError.
    """
    count = max(1, min(jobs, -(-len(request.sequences) // _SEQUENCES_MINIMUM)))
    chunks = [chunk for chunk in (request.sequences[number::count] for number in range(count)) if chunk]
    with ThreadPoolExecutor(max_workers=count) as pool:
        results = list(pool.map(lambda chunk: _derive_chunk(module, replace(request, sequences=chunk)), chunks))
    variants = tuple(variant for result in results for variant in result.variants)
    reasons = {parts: reason for result in results for parts, reason in result.reasons.items()}
    heights = {parts: height for result in results for parts, height in result.heights.items()}
    text = link(result.ir for result in results) if results else ""
    return split_module(text), Derived(text, variants, reasons, heights)


def _derive_chunk(module: Module, request: DeriveRequest) -> Derived:
    names = dict.fromkeys(micro_op(part) for parts in request.sequences for part in parts) or list(module.functions)[:1]
    answer = _ask_worker(replace(request, text=module.extract(names)))
    if isinstance(answer, Failure):
        if answer.internal:
            raise InternalError("", answer.message)
        raise CodegenError("", answer.message)
    assert isinstance(answer, Derived)
    return answer


def _compile_chunk(module: Module, names: tuple[str, ...], options: CompileOptions) -> list[CompiledFunction]:
    answer = _ask_worker(Request(module.extract(names), names, options))
    if isinstance(answer, list):
        return answer
    assert isinstance(answer, Failure)
    if len(names) == 1 and answer.internal:
        raise InternalError(names[0], answer.message)
    if len(names) == 1:
        raise CodegenError(names[0], answer.message)
    half = len(names) // 2
    return _compile_chunk(module, names[:half], options) + _compile_chunk(module, names[half:], options)


Answer = list[CompiledFunction] | str | Derived | Failure


def _ask_worker(request: Request | LinkRequest | DeriveRequest) -> Answer:
    """Have a process of its own answer the request; its death is a Failure."""
    root = str(Path(__file__).resolve().parent.parent)
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    finished = subprocess.run(
        [sys.executable, "-P", "-m", "llvm_passes.worker"],  # -P: the current directory is the user's, not ours
        input=pickle.dumps(request),
        capture_output=True,
        env=environment,
        check=False,
    )
    if finished.returncode == 0 and finished.stdout:
        answer = pickle.loads(finished.stdout)
        assert isinstance(answer, list | str | Derived | Failure)
        return answer
    return Failure(_last_words(finished.stderr.decode(errors="replace"), finished.returncode))


def _last_words(stderr: str, returncode: int) -> str:
    lines = [line for line in stderr.strip().splitlines() if line and not line.startswith("Stack dump")]
    how = f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
    return "LLVM rejects it: " + "\n".join(lines[:8]) if lines else f"LLVM's process ended ({how}) without a word"
