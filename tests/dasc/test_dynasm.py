"""Upstream DynASM accepts what the writer writes, and our back end for its engine writes the same C.

Runs where lupa is installed and DynASM is found.
"""

from dasc import compile_text, write
from tests.dasc import examples
from tests.dasc.upstream import folder, parse_output


def test_dynasm_and_we_make_the_same_of_generated_stencils() -> None:
    text = write(examples.FILE)
    theirs = parse_output(compile_text(text, "examples.dasc", "dynasm", dynasm=folder()))
    ours = parse_output(compile_text(text, "examples.dasc", "actionlist").replace("(unsigned long long)", ""))
    assert ours == theirs
    assert len(ours) >= len(examples.FILE.stencils)
