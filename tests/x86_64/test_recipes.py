"""The quick way to the shortest encoding gives what the general way gives first."""

from __future__ import annotations

from x86_64.encoder import finish, viable

from .cases import all_instructions
from .oracles import knows


def test_recipes_agree_with_drafts() -> None:
    quick = wrong = 0
    known = [i for i in all_instructions() if not i.prefixes and knows("gnu", i)]
    for instruction in known:
        code = instruction.plan.encode(instruction.operands)
        if code is not None:
            quick += 1
            expected = finish(viable(instruction.forms, instruction.operands, ())[0]).code
            if code != expected:
                wrong += 1
                if wrong < 40:
                    print(f"{instruction}: {code.hex()}, not {expected.hex()}")
    assert not wrong
    assert quick > 0.6 * len(known)
