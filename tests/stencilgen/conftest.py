"""A small VM for tests that build: write C, get a build."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stencilgen.config import Config, load_config
from stencilgen.pipeline import Build, build

VM_HEADER = """\
#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
typedef struct Frame { void *code; int64_t locals[8]; } Frame;
typedef struct Thread { int64_t count; double number; int64_t scratch[16]; } Thread;
typedef struct Instruction { uint16_t opcode, oparg; uint32_t target; uint64_t operand; } Instruction;
void slow(Thread *thread);
int64_t compute(int64_t a, Thread *thread);
extern int64_t vm_counter;
"""

PREAMBLE = """\
#include "vm.h"
#define STENCIL_STATE Frame *frame, int64_t *sp, Thread *thread
#include <stencilgen/stencil.h>
"""

CONFIGURATION = """\
[stencils]
sources = ["stencils.c"]
[instruction]
type = "Instruction"
header = "vm.h"
[holes]
oparg = { value = "instruction->oparg", type = "uint16_t" }
small = { value = "instruction->oparg", type = "uint16_t", range = [1, 40] }
operand = { value = "instruction->operand", type = "uint64_t" }
target = { value = "instruction->target", kind = "label" }
"""


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Config]:
    """project(c): a folder with this C after the usual preamble (line 4 is its first), ready to build."""

    def make(
        c: str, *, preamble: str = PREAMBLE, configuration: str = CONFIGURATION, header: str = VM_HEADER
    ) -> Config:
        (tmp_path / "vm.h").write_text(header)
        (tmp_path / "stencils.c").write_text(preamble + c)
        (tmp_path / "stencilgen.toml").write_text(configuration)
        return load_config(tmp_path)

    return make


@pytest.fixture
def built(project: Callable[..., Config]) -> Callable[..., Build]:
    """built(c): the build of this C, from nothing."""

    def make(c: str, **options: str) -> Build:
        return build(project(c, **options), cache=False, jobs=1)

    return make
