"""Slow paths that stencils have in common are in the header once."""

from collections.abc import Callable

from stencilgen.pipeline import Build
from tests.stencilgen.conftest import CONFIGURATION

STENCILS = """
void give_back(Thread *thread, int64_t *object);
static inline void drop(Thread *thread, int64_t *object)
{
    if (UNLIKELY(--object[0] == 0)) {
        object[1] = thread->count;
        object[2] = 7;
        object[3] = 8;
        give_back(thread, object);
    }
}
STENCIL(A) { drop(thread, (int64_t *)thread->count); CONTINUE(); }
STENCIL(B) { thread->count += 64; drop(thread, (int64_t *)thread->count); CONTINUE(); }
"""


def test_two_stencils_share_one_part(built: Callable[..., Build]) -> None:
    result = built(STENCILS)
    (part,) = result.shared
    assert part.name.startswith("sg_cold_give_back_")
    assert [stencil.dasc.count(f"| call &SG_COLD({part.name})") for stencil in result.stencils] == [1, 1]
    assert result.header.count(f"static void emit_{part.name}(") == 1
    assert part.dasc in result.dasc and part.listing in result.listing
    assert result.stats["total"]["shared_parts"] == 1
    assert result.stats["total"]["shared_bytes"] == part.max_size


def test_it_can_be_left_out(built: Callable[..., Build]) -> None:
    result = built(STENCILS, configuration=f"{CONFIGURATION}\n[code]\nshare = false\n")
    assert result.shared == ()
    assert all("call extern give_back" in stencil.dasc for stencil in result.stencils)
    assert "SG_COLD" not in result.header
