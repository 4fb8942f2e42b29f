"""Constants of all stencils in one block of bytes."""

from stencilgen.assembly import Data
from stencilgen.emit.constants import constant_name, merged, pool


def test_equal_constants_share_the_larger_alignment() -> None:
    """Whichever comes last: a misaligned operand of xorps would be a fault."""
    strict = Data("CPI0", 16, bytes(15) + b"\x80")
    loose = Data("pair", 1, bytes(15) + b"\x80")
    other = Data("other", 16, bytes(range(24)))
    named = [(constant_name(item.name, {item.name: item}), item) for item in (other, strict, loose)]
    assert named[1][0] == named[2][0]
    for order in (named, named[::-1]):
        laid_out = pool(merged(order))
        assert laid_out.offsets[named[1][0]] % 16 == 0
        assert len(laid_out.offsets) == 2
