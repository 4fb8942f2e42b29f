"""What DynASM's engine makes of actions: the bytes, for given arguments.

A model of its third pass for one statement, so that action lists that differ can be compared by what they emit. Places
(labels, externs, pointers) become four or eight bytes of a pattern.
"""

from collections.abc import Sequence

from dasc.actionlist.actions import Action

__all__ = ["emit"]

PLACE = 0x11223344


def emit(actions: bytes, arguments: Sequence[int]) -> bytes:
    """The bytes that an action list emits, which has no labels' positions, alignment or space."""
    code = bytearray()
    values = iter(arguments)
    mark: int | None = None
    position = 0
    while position < len(actions):
        action = actions[position]
        position += 1
        if action < Action.DISPLACEMENT:
            code.append(action)
            continue
        following = actions[position] if position < len(actions) else -1
        shrinking = (Action.IMMEDIATE_DWORD_OR_BYTE, Action.IMMEDIATE_WORD_OR_BYTE)
        match Action(action):
            case Action.ESCAPE:
                code.append(following)
                position += 1
            case Action.MARK:
                mark = len(code)
            case Action.DISPLACEMENT:
                value = next(values)
                at = len(code) if mark is None else mark
                if following not in shrinking:
                    mark = None
                elif mark is None:
                    mark = at
                base = code[at - 1] & 7
                if base == 4:
                    base = code[at] & 7
                if value == 0 and base != 5:
                    code[at - 1] -= 0x80
                elif -128 <= value < 128:
                    code[at - 1] -= 0x40
                    code.append(value & 255)
                else:
                    code += _bytes(value, 4)
            case Action.IMMEDIATE_SIGNED_BYTE | Action.IMMEDIATE_BYTE:
                code += _bytes(next(values), 1)
            case Action.IMMEDIATE_WORD:
                code += _bytes(next(values), 2)
            case Action.IMMEDIATE_DWORD:
                code += _bytes(next(values), 4)
            case Action.IMMEDIATE_DWORD_OR_BYTE | Action.IMMEDIATE_WORD_OR_BYTE as kind:
                value = next(values)
                if -128 <= value < 128:
                    code[(len(code) if mark is None else mark) - 2] += 2
                    code += _bytes(value, 1)
                else:
                    code += _bytes(value, 4 if kind is Action.IMMEDIATE_DWORD_OR_BYTE else 2)
                mark = None
            case Action.VARIABLE_REGISTER:
                position += 1
                mark = _register(code, following, [next(values)], mark)
            case Action.RELATIVE_ADDRESS | Action.RELATIVE_PC:
                next(values)
                code += _bytes(PLACE, 4)
            case Action.RELATIVE_LABEL:
                position += 1
                code += _bytes(PLACE, 4)
            case Action.EXTERN:
                position += 2
                code += _bytes(PLACE, 4)
            case other:
                raise AssertionError(other)
    return bytes(code)


def _bytes(value: int, size: int) -> bytes:
    return (value & (1 << size * 8) - 1).to_bytes(size, "little")


_seen: list[int] = []


def _register(code: bytearray, kind: int, value: list[int], mark: int | None) -> int | None:
    """Put a register's number where it belongs; the prefix loses a byte when all that count are below 8."""
    number = value[0]
    at = len(code) - (kind & 7)
    counted = kind >> 3 & 3
    if kind >> 5 in (0, 1, 2, 4):
        _seen.append(number)
    shrinks = counted and all(other <= 7 for other in _seen[-counted:])
    if number & 8 and kind < 0xA0:
        if code[at] & 0x80:
            code[at + 1] ^= 0x20 << (kind >> 6)
        else:
            code[at] ^= 1 << (kind >> 6)
        number &= 7
    elif shrinks:
        if code[at] & 0x80:
            code[at] = 0xC5
            code[at + 1] = code[at + 1] & 0x80 | code[at + 2]
            del code[at + 2]
        else:
            del code[at]
        if mark is not None:
            mark -= 1
    if kind >= 0xC0:
        number <<= 4
    elif kind >= 0x40:
        number <<= 3
    elif number == 4 and kind < 0x20:
        code[-1] ^= number
        code.append(0x20)
    code[-1] ^= number
    return mark
