"""Names that mean something to stencilgen, too."""

import pytest

from stencilgen.assembly import Place, read_function
from x86_64 import Instruction, Label, r12


@pytest.mark.parametrize("name", ["EXIT", "NEXT", "ADD"])
def test_a_stencils_own_label_is_no_place_in_it(name: str) -> None:
    """Else a stencil called EXIT would begin with a jump to the exit, and lose the rest."""
    text = f"\t.section\t.text.{name}\n{name}:\n\tincq\t%r12\n\tjmp\t__sg_exit\n.LBB_END_0:\n"
    first, second, end = read_function(name, text, Label).hot
    assert (first, second) == (Instruction("INC", (r12,)), Instruction("JMP", (Label("__sg_exit"),)))
    assert end == Place(".LBB_END_0")
