"""Build time: `stencilgen build` as a user runs it, a process each, on stencils made from templates.

The templates are micro-ops of the usual kinds (load, arithmetic on boxed floats, guards, indexing, calls, spills), varied
so that no two stencils are equal. *Touched* changes one stencil in the middle of the file, which moves no other line.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from bench.frame.measure import Completed, run_process
from bench.frame.progress import tell
from bench.frame.report import Cell, Column, Options, Plot, Report, Series, Spread, Table, Timing
from stencilgen.errors import UserError

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


STAGES = ("from nothing", "one touched", "unchanged")


def run(options: Options) -> Report:
    """Builds of 20, 200 and 1,000 stencils: wall time, and the processor time of all processes, which load does not change."""
    sizes, rounds = ((20,), 1) if options.quick else ((20, 200, 1000), 3)
    ended = {(size, stage): runs for size in sizes for stage, runs in _measure(size, rounds, options.jobs).items()}
    walls = {key: [run.wall for run in runs] for key, runs in ended.items()}
    processors = {key: [run.processor for run in runs] for key, runs in ended.items()}
    rows: list[tuple[Cell, ...]] = [
        (size, *(Spread.of(seconds[size, stage]) for seconds in (walls, processors) for stage in STAGES))
        for size in sizes
    ]
    columns = [Column(f"{stage}{what}", "s", ".2f") for what in ("", ": processor") for stage in STAGES]
    curves = (
        Series(stage, tuple(map(float, sizes)), tuple(Spread.of(walls[size, stage]).median for size in sizes))
        for stage in STAGES
    )
    plot = Plot("build", "stencilgen build", "stencils", "seconds", tuple(curves), "lines")
    return Report(
        (Table("stencilgen build", (Column("stencils"), *columns), tuple(rows)),),
        tuple(Timing(f"build/{size}/{stage}", tuple(values)) for (size, stage), values in walls.items()),
        (plot,) if len(sizes) > 1 else (),
    )


def _measure(size: int, rounds: int, jobs: int | None) -> dict[str, list[Completed]]:
    """The runs of each stage, round after round."""
    runs: dict[str, list[Completed]] = {stage: [] for stage in STAGES}
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "vm.h").write_text(HEADER)
        (project / "stencilgen.toml").write_text(CONFIGURATION)
        source = project / "stencils.c"
        for turn in range(rounds):
            tell(f"{size} stencils, round {turn + 1} of {rounds}")
            source.write_text(stencils(size))
            shutil.rmtree(project / "build", ignore_errors=True)
            runs["from nothing"].append(_build(project, jobs))
            source.write_text(stencils(size, touched=turn + 1))
            runs["one touched"].append(_build(project, jobs))
            runs["unchanged"].append(_build(project, jobs))
    return runs


def _build(project: Path, jobs: int | None) -> Completed:
    command = [sys.executable, "-m", "stencilgen", "build", "--config", str(project)]
    command += ["--jobs", str(jobs)] if jobs else []
    ended = run_process(command)
    if ended.status:
        raise UserError(f"stencilgen build failed:\n{ended.output}{ended.errors}", remedy="run `stencilgen doctor`")
    return ended
