"""minipy's VM by itself: built once, all its interpreters and the JIT in one executable, run on compiled programs."""

import functools
import importlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.baseline.minipy import MINIPY, vm_with
from bench.frame.measure import run_process
from bench.programs.jobs import Job
from stencilgen.config import load_config
from stencilgen.errors import UserError
from stencilgen.pipeline import build

__all__ = ["executable", "image", "statistics", "traces"]


def _module(name: str) -> ModuleType:
    """One of minipy's own modules, which are no package: its folder is on the path only while it is imported."""
    sys.path.insert(0, str(MINIPY))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(MINIPY))


@functools.cache
def executable() -> Path:
    """The VM with stencilgen's code: Clang compiles it, so it has the threaded interpreter too."""
    return vm_with(build(load_config(MINIPY)).header)


def image(job: Job, folder: Path) -> Path:
    """The program as the VM loads it."""
    path = job.file(folder, ".image")
    if not path.exists():
        compile_program = _module("frontend.compile").compile_program
        path.write_bytes(compile_program(job.source().encode(), f"{job.program}.py").image())
    return path


def statistics(vm: Path, job: Job, folder: Path, flags: Sequence[str] = ()) -> dict[str, int]:
    """What the JIT did, by the names of `--stats-json`."""
    return dict(json.loads(_written(vm, "--stats-json", job, folder, flags)))


def traces(vm: Path, job: Job, folder: Path, flags: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Every trace, as `--traces` writes it."""
    return [json.loads(line) for line in _written(vm, "--traces", job, folder, flags).splitlines()]


def _written(vm: Path, option: str, job: Job, folder: Path, flags: Sequence[str]) -> str:
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        ended = run_process([vm, "--jit=on", *flags, f"{option}={file.name}", image(job, folder)])
        if ended.status:
            raise UserError(f"minipy cannot run {job}:\n{ended.errors}")
        return Path(file.name).read_text(encoding="utf-8")
