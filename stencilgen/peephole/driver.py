"""Runs the rules over a stencil's blocks until none fires.

The key idea: rules look and propose, the driver alone changes. It applies one edit, works out anew what is live in
that block, and starts over there; when all blocks are quiet, liveness of the whole stencil is computed again, because
code that went may have been the last reader of a register in another block. Within a pass the blocks' live-out sets
stay as they were: they may be larger than need be, never smaller, since no rule makes anything live at the start of a
block.

Then the rules of `known_value.py` look at the stencil as a whole, and if one of them found something, all starts over.
It ends because every edit makes the code shorter, or turns an instruction into a form that no rule turns back; and
those of values take an instruction away each time.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from stencilgen.layout.code import Code
from stencilgen.layout.liveness import Liveness, backward, usage_of
from stencilgen.peephole import (
    absolute_address,
    commute_constant,
    compare_memory,
    constant_count,
    dead_code,
    dead_result,
    extend_constant,
    fold_address,
    fold_constant,
    fold_load,
    forward_copy,
    low_bits,
    multiply_constant,
    redundant_mask,
    self_move,
    self_test,
    spread_constant,
)
from stencilgen.peephole.known_value import ValueRule, drop_repeated, propagate
from stencilgen.peephole.rule import Edit, Rule, Site

__all__ = ["RULES", "VALUE_RULES", "by_mnemonic", "improve", "optimize"]

RULES: tuple[Rule, ...] = (
    self_move.RULE,
    absolute_address.RULE,
    extend_constant.RULE,
    redundant_mask.RULE,
    fold_constant.RULE,
    multiply_constant.RULE,
    commute_constant.RULE,
    constant_count.RULE,
    compare_memory.RULE,
    low_bits.RULE,
    fold_load.RULE,
    self_test.RULE,
    dead_result.RULE,
    dead_code.RULE,
)
"""In the order in which they are tried on an instruction."""

VALUE_RULES: tuple[ValueRule, ...] = (fold_address.RULE, spread_constant.RULE, forward_copy.RULE)
"""Those that look beyond a block; they run when the others are quiet."""

REPEATED, REPEATED_VALUE = frozenset({"MOV", "LEA"}), "repeated_value"
"""Whose repetition goes, and what this counts as."""

Heads = Mapping[str, Sequence[Rule]]
"""Mnemonic → the rules that look at such an instruction."""


def optimize(
    code: Code, rules: Sequence[Rule] = RULES, value_rules: Sequence[ValueRule] = VALUE_RULES
) -> tuple[Code, Mapping[str, int]]:
    """Apply the rules wherever they hold. Returns the new code and how often each rule fired (0 included)."""
    heads = by_mnemonic(rules)
    fired: Counter[str] = Counter(
        dict.fromkeys(
            [*(r.name for r in rules), *(r.name for r in value_rules), *([REPEATED_VALUE] if value_rules else [])], 0
        )
    )
    while True:
        before = fired.total()
        liveness = Liveness(code)
        blocks = []
        for block in code.blocks:
            site = Site(list(block.instructions), liveness.usages[block.name], liveness.live_after(block.name))
            unchanged = fired.total()
            improve(site, liveness.live_out[block.name], heads, fired)
            blocks.append(
                block if fired.total() == unchanged else replace(block, instructions=tuple(site.instructions))
            )
        if fired.total() > before:
            code = replace(code, blocks=tuple(blocks))
            continue
        code = propagate(code, value_rules, fired)
        if value_rules:
            code = drop_repeated(code, REPEATED, fired, REPEATED_VALUE)
        if fired.total() == before:
            return code, dict(fired)


def by_mnemonic(rules: Sequence[Rule]) -> Heads:
    """Which rules look at which instructions."""
    heads: dict[str, list[Rule]] = {}
    for rule in rules:
        for mnemonic in rule.heads:
            heads.setdefault(mnemonic, []).append(rule)
    return heads


def improve(site: Site, live_out: int, heads: Heads, fired: Counter[str]) -> None:
    """Apply rules to one block, in place, until none fires. `live_out` is what is live at its end."""
    position = 0
    while position < len(site.instructions):
        for rule in heads.get(site.instructions[position].mnemonic, ()):
            edit = rule.rewrite(site, position)
            if edit is not None:
                fired[rule.name] += 1
                _apply(edit, site)
                site.live_after = backward(site.usages, live_out)
                position = -1
                break
        position += 1


def _apply(edit: Edit, site: Site) -> None:
    for position in sorted(edit, reverse=True):
        site.instructions[position : position + 1] = edit[position]
        site.usages[position : position + 1] = map(usage_of, edit[position])
