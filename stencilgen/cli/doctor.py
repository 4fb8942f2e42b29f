"""`stencilgen doctor`: what is there, what is missing, and what to do about it.

Each check really does what it is about: it asks Clang for IR, lets LLVM generate code, compiles C, runs code in near
memory. A check returns a `Finding`, and never raises.
"""

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from stencilgen import paths
from stencilgen.cli.common import console, examples
from stencilgen.errors import UserError


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `state`: "ok"; "note", something optional is missing; "bad", nothing works without it."""

    state: str
    what: str
    remedy: str = ""


def python() -> Finding:
    version = platform.python_version()
    if sys.maxsize < 2**32:
        return Finding("bad", f"Python {version}, 32 bits", "use a 64-bit Python")
    return Finding("ok", f"Python {version} ({sys.executable})")


def machine() -> Finding:
    name = f"{platform.system()} on {platform.machine()}"
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return Finding("ok", name)
    return Finding("bad", name, "generated code runs on Linux on x86-64 only; headers can still be generated here")


def clang() -> Finding:
    from stencilgen.toolchain.clang import find_clang

    found = find_clang()
    return Finding("ok", f"Clang {found.version}, from {found.origin} ({' '.join(found.command)})")


def llvm() -> Finding:
    import llvmlite
    from llvmlite import binding

    version = ".".join(map(str, binding.llvm_version_info))
    return Finding("ok", f"LLVM {version}, from llvmlite {llvmlite.__version__}")


_PROBE_TOML = """\
[stencils]
sources = ["probe.c"]
[instruction]
type = "struct instruction"
header = "probe.h"
[holes]
amount = { value = "instruction->amount", type = "uint32_t" }
"""
_PROBE_HEADER = "#include <stdint.h>\nstruct instruction { uint32_t opcode, amount; };\n"
_PROBE_SOURCE = """\
#include "probe.h"
#define STENCIL_STATE uint64_t total
#include <stencilgen/stencil.h>
STENCIL(ADD) { total += HOLE(uint32_t, amount); CONTINUE(); }
STENCIL(RETURN) { RETURN(total); }
"""


def whole() -> Finding:
    """Build two stencils, compile a trace of them and run it: 3 + 4."""
    from stencilgen.embed import load

    with tempfile.TemporaryDirectory(prefix="stencilgen-") as folder:
        for name, text in (("stencilgen.toml", _PROBE_TOML), ("probe.h", _PROBE_HEADER), ("probe.c", _PROBE_SOURCE)):
            (Path(folder) / name).write_text(text)
        vm = load(folder, jobs=1)
        code = vm.compile([vm.ADD(amount=4), vm.RETURN()])
        value = code(3).value
    if value != 7:
        return Finding(
            "bad", f"a trace that adds 3 and 4 returned {value}", "report this to the developers of stencilgen"
        )
    return Finding("ok", f"two stencils built, a trace of both run: 3 + 4 = {value}")


def compiler() -> Finding:
    from stencilgen.toolchain.cc import find_compiler

    found = find_compiler()
    return Finding("ok", f"{' '.join(found.command)}, from {found.origin}")


_NEAR = r"""
#include <stdio.h>
#include <stencilgen/jit.h>
int main(void)
{
    static const sg_vm vm = {.abi = SG_ABI, .instruction_size = 1};
    sg_error error;
    sg_jit *const jit = sg_jit_create(&vm, NULL, &error);
    sg_code *const code = jit == NULL ? NULL : sg_compile_trace(jit, "", 0, &error);
    if (code == NULL) {
        puts(error.text);
        return 1;
    }
    uint64_t slot = 0;
    const sg_outcome outcome = sg_enter_code(jit, code, &slot);
    const sg_statistics statistics = sg_jit_statistics(jit);
    const size_t size = statistics.hot_size + statistics.cold_size;
    printf("%zu MB of code memory within reach of the program; code in it runs\n", size >> 20);
    return outcome.kind != SG_EXITED;
}
"""


def near_memory() -> Finding:
    """Create a context near a program's own code and run an empty trace in it."""
    from stencilgen.toolchain.cc import find_compiler, link

    with tempfile.TemporaryDirectory(prefix="stencilgen-") as folder:
        source, program = Path(folder) / "near.c", Path(folder) / "near"
        source.write_text(_NEAR)
        runtime = paths.runtime()
        flags = ["-O1", "-I", str(runtime / "include")]
        link(find_compiler(), [source, *(runtime / "src").glob("*.c")], program, flags, directory=Path(folder))
        result = subprocess.run([program], capture_output=True, text=True)
    words = result.stdout.strip() or f"the program ended with status {result.returncode}"
    if result.returncode != 0:
        return Finding(
            "bad", words, "allow programs to map executable memory (a hardened kernel or container may forbid it)"
        )
    return Finding("ok", words)


def perf() -> Finding:
    path = shutil.which("perf")
    if path is None:
        return Finding("note", "perf is not installed", "only for profiling traces: install your distribution's perf")
    level = Path("/proc/sys/kernel/perf_event_paranoid")
    if level.exists() and int(level.read_text()) > 2:
        return Finding("note", f"{path}, but the kernel lets only root use it", "sysctl kernel.perf_event_paranoid=2")
    return Finding("ok", path)


CHECKS: dict[str, Callable[[], Finding]] = {
    "Python": python,
    "machine": machine,
    "Clang": clang,
    "LLVM": llvm,
    "C compiler": compiler,
    "near memory": near_memory,
    "all together": whole,
    "perf": perf,
}
MARKS = {"ok": ("✓", "green"), "note": ("–", "yellow"), "bad": ("✗", "red")}


def examine(check: Callable[[], Finding]) -> Finding:
    """A check's finding, whatever happens in it."""
    try:
        return check()
    except UserError as error:
        first = error.diagnostics[0]
        return Finding("bad", first.what, first.remedy)
    except ImportError as error:
        return Finding(
            "bad",
            f"cannot import {error.name}: {error}",
            "install stencilgen again, in a virtual environment of its own",
        )
    except Exception as error:
        return Finding("bad", f"{type(error).__name__}: {error}", "report this to the developers of stencilgen")


@click.command(
    short_help="What this machine has, and what it lacks.",
    epilog=examples("stencilgen doctor          exit code 2 if something necessary is missing"),
)
@click.pass_context
def command(context: click.Context) -> None:
    """Say what stencilgen finds on this machine, what is missing, and what to do about it."""
    out = console()
    bad = 0
    for name, check in CHECKS.items():
        finding = examine(check)
        mark, colour = MARKS[finding.state]
        out.print(f"[{colour}]{mark}[/] {name:<13}", end="")
        out.print(finding.what, markup=False)
        if finding.remedy:
            out.print(f"{'':<15}→ {finding.remedy}", markup=False)
        bad += finding.state == "bad"
    if bad:
        context.exit(2)
