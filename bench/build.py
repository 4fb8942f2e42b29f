"""Build time: `stencilgen build` as a user runs it, a process each, on stencils made from templates.

The templates are micro-ops of the usual kinds (load, arithmetic on boxed floats, guards, indexing, calls, spills), varied
so that no two stencils are equal. *Touched* changes one stencil in the middle of the file, which moves no other line.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

HEADER = """\
#include <stdint.h>
#include <stddef.h>
typedef struct Type { const char *name; void (*dealloc)(void *); } Type;
typedef struct Object { int64_t count; Type *type; double number; } Object;
typedef struct List { int64_t count; Type *type; uint64_t length; Object **items; } List;
typedef struct Frame { void *code; Object *locals[16]; } Frame;
typedef struct Thread { Object *free; int64_t counter; int64_t scratch[32]; } Thread;
typedef struct Instruction { uint16_t opcode, oparg; uint32_t target; uint64_t operand; } Instruction;
extern Type float_type;
Object *float_new(Thread *thread, double number);
void object_free(Object *object);
void raise_error(Thread *thread, const char *message);
int64_t compute(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f);
int trace_log(const char *format, ...);
"""

PREAMBLE = """\
#include "vm.h"
#define STENCIL_STATE Frame *frame, Object **sp, Thread *thread
#include <stencilgen/stencil.h>
#define DECREF(object) do { Object *o_ = (object); if (UNLIKELY(--o_->count == 0)) object_free(o_); } while (0)
"""

TEMPLATES = (
    "STENCIL(LOAD_@) { Object *o = frame->locals[HOLE(uint16_t, oparg) + @ % 7]; o->count++; *sp++ = o; CONTINUE(); }",
    "STENCIL(ADD_@) { Object *a = sp[-2], *b = sp[-1], *o = thread->free; double sum = a->number + b->number * @;"
    " if (UNLIKELY(!o)) { o = float_new(thread, sum); if (UNLIKELY(!o)) SIDE_EXIT(); }"
    " else { thread->free = (Object *)o->type; o->count = 1; o->type = &float_type; o->number = sum; }"
    " DECREF(a); DECREF(b); sp--; sp[-1] = o; CONTINUE(); }",
    "STENCIL(GUARD_@) { if (UNLIKELY(sp[-1]->type != &float_type)) SIDE_EXIT();"
    " if (UNLIKELY(sp[-2]->count != @)) SIDE_EXIT(); CONTINUE(); }",
    "STENCIL(INDEX_@) { List *list = (List *)sp[-1]; uint64_t i = HOLE(uint16_t, oparg);"
    ' if (UNLIKELY(i >= list->length + @)) { raise_error(thread, "index @"); SIDE_EXIT(); }'
    " Object *o = list->items[i]; o->count++; DECREF((Object *)list); sp[-1] = o; CONTINUE(); }",
    'STENCIL(LOG_@) { trace_log("log %d %g %g", (int)HOLE(uint16_t, oparg), sp[-1]->number, @.5); CONTINUE(); }',
    "STENCIL(SELECT_@) { thread->counter = (HOLE(uint64_t, operand) == 0 ? 3 : 1)"
    " + (HOLE(uint16_t, oparg) & 1 ? 100 : @); CONTINUE(); }",
    "STENCIL(SPILL_@) { int64_t *s = thread->scratch; int64_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4];"
    " int64_t r = compute(a, b, c, d, e, @); s[9] = a + b * c - d; s[10] = e ^ r; s[11] = a * e + HOLE(uint16_t, oparg);"
    " CONTINUE(); }",
)

CONFIGURATION = """\
[stencils]
sources = ["stencils.c"]
[instruction]
type = "Instruction"
header = "vm.h"
[holes]
oparg = { value = "instruction->oparg", type = "uint16_t" }
operand = { value = "instruction->operand", type = "uint64_t" }
"""


def stencils(count: int, touched: int | None = None) -> str:
    """C source of `count` stencils; one of them different when `touched`."""
    lines = [TEMPLATES[n % len(TEMPLATES)].replace("@", str(n)) for n in range(count)]
    if touched is not None:
        lines[count // 2] = lines[count // 2].replace("{ ", f"{{ thread->counter += {touched}; ", 1)
    return PREAMBLE + "\n".join(lines) + "\n"


def run(sizes: Sequence[int], samples: int, jobs: int | None) -> Table:
    """Measure builds of these many stencils, in seconds of wall time."""
    table = Table("stencils", "from nothing", "one touched", "unchanged", title="stencilgen build, seconds (median)")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            (project / "vm.h").write_text(HEADER)
            (project / "stencilgen.toml").write_text(CONFIGURATION)
            times: dict[str, list[float]] = {"cold": [], "touched": [], "same": []}
            for sample in range(samples):
                source = project / "stencils.c"
                source.write_text(stencils(size))
                for path in (project / "build").rglob("cache.*"):
                    path.unlink()
                times["cold"].append(_build(project, jobs))
                source.write_text(stencils(size, touched=sample + 1))
                times["touched"].append(_build(project, jobs))
                times["same"].append(_build(project, jobs))
            table.add_row(str(size), *(f"{statistics.median(values):.2f}" for values in times.values()))
    return table


def _build(project: Path, jobs: int | None) -> float:
    command = [sys.executable, "-m", "stencilgen", "build", "--config", str(project)]
    command += ["--jobs", str(jobs)] if jobs else []
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
