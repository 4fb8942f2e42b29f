"""Any input at all is run or refused: with one message, status 2, and no traceback of the compiler's own."""

import ast
from pathlib import Path
from random import Random

import pytest

from tests.minipy.generate import Program
from tests.minipy.running import PROGRAMS, run_minipy_raw

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")

BOM = b"\xef\xbb\xbf"

RUNS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", ""),
    "blank": (b"\n\n   \n\t\n", ""),
    "comment only": (b"# nothing", ""),
    "no newline at the end": (b"print(1)", "1\n"),
    "carriage returns": (b"x = 1\r\nif x:\r\n    print(x)\r\n", "1\n"),
    "a byte order mark": (BOM + b"print(1)\n", "1\n"),
    "another encoding": (b"# -*- coding: latin-1 -*-\n# \xe4\nprint(1)\n", "1\n"),
    "other letters in names and comments": ("größe = 2  # ß\nprint(größe)\n".encode(), "2\n"),
    "99 blocks in each other": (
        b"".join(b" " * i + b"if 1:\n" for i in range(99)) + b" " * 99 + b"print(1)\n",
        "1\n",
    ),
    "900 terms": (b"x = 1\nprint(" + b" + ".join([b"x"] * 900) + b")\n", "900\n"),
    "150 brackets": (b"print(" + b"(" * 150 + b"7" + b")" * 150 + b")\n", "7\n"),
    "300 alternatives": (
        b"x = 299\nif x == -1:\n    pass\n" + b"".join(b"elif x == %d:\n    print(x)\n" % i for i in range(300)),
        "299\n",
    ),
    "400 signs": (b"x = 2\nprint(" + b"-" * 400 + b"x)\n", "2\n"),
    "a long line": (b"x = 1" + b" " * 100_000 + b"\nprint(x)\n", "1\n"),
    "many lines": (b"x = 0\n" + b"x += 1\n" * 3000 + b"print(x)\n", "3000\n"),
}


@pytest.mark.parametrize("case", RUNS)
def test_unusual_but_right(case: str, tmp_path: Path) -> None:
    source, expected = RUNS[case]
    file = tmp_path / "program.py"
    file.write_bytes(source)
    assert run_minipy_raw(file) == (expected, "", 0)


REFUSED: dict[str, bytes] = {
    "zero bytes": b"print(1)\n\0\n",
    "only zero bytes": b"\0" * 100,
    "an executable": b"\x7fELF\x02\x01\x01" + bytes(range(256)),
    "not UTF-8": b"print('\xff')\n",
    "an encoding that does not exist": b"# coding: no-such-thing\nprint(1)\n",
    "text in UTF-16": "print(1)\n".encode("utf-16"),
    "tabs and spaces": b"if 1:\n\tx = 1\n        y = 2\n",
    "a surrogate": b'print("\\ud800")\n',
    "300 brackets": b"print(" + b"(" * 300 + b"7" + b")" * 300 + b")\n",
    "120 blocks in each other": b"".join(b" " * i + b"if 1:\n" for i in range(120)) + b" " * 120 + b"pass\n",
    "100,000 terms": b"x = 1\nprint(" + b" + ".join([b"x"] * 100_000) + b")\n",
    "5,000 terms": b"x = 1\nprint(" + b" + ".join([b"x"] * 5_000) + b")\n",
    "100,000 signs": b"x = 2\nprint(" + b"-" * 100_000 + b"x)\n",
    "10,000 attributes": b"x = 2\nprint(x" + b".a" * 10_000 + b")\n",
    "10,000 calls": b"def f():\n    return f\n\n\nf" + b"()" * 10_000 + b"\n",
    "20,000 alternatives": b"x = 1\nif x:\n    pass\n" + b"elif x == 1:\n    pass\n" * 20_000,
    "an int of 10,000 digits": b"print(" + b"9" * 10_000 + b")\n",
    "too many variables": b"def f():\n" + b"".join(b"    v%d = 1\n" % i for i in range(400)) + b"\n\nf()\n",
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_one_message(case: str, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_bytes(REFUSED[case])
    output, errors, status = run_minipy_raw(file)
    assert (output, status) == ("", 2), errors[:2000]
    assert "Traceback" not in errors and str(file) in errors and 1 <= len(errors.splitlines()) <= 4, errors[:2000]


@pytest.mark.parametrize("what", ("a directory", "nothing", "no permission"))
def test_files_that_cannot_be_read(what: str, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    if what == "a directory":
        file.mkdir()
    elif what == "no permission":
        file = Path("/proc/self/mem")
    output, errors, status = run_minipy_raw(file)
    assert (output, status) == ("", 2)
    assert errors.startswith(f"minipy: cannot read {file}: ") and len(errors.splitlines()) == 1


def damaged(source: bytes, random: Random) -> bytes:
    """A program with some of it cut out, repeated or replaced."""
    data = bytearray(source)
    for _ in range(random.randint(1, 4)):
        at, length = random.randrange(len(data) + 1), random.randint(1, 12)
        match random.randrange(4):
            case 0:
                del data[at : at + length]
            case 1:
                data[at:at] = data[at : at + length]
            case 2:
                data[at : at + 1] = bytes([random.randrange(256)])
            case _:
                data[at:at] = random.choice(
                    (b"(", b"[", b":", b"lambda", b"*", b"\n", b"    ", b"yield ", b'"', b"=", b"@")
                )
    return bytes(data)


def test_damaged_programs(long: bool, tmp_path: Path) -> None:
    """Whatever is not a program any more is refused; what still is one fails at most as programs fail."""
    random = Random(3)
    sources = [path.read_bytes() for path in PROGRAMS] + [
        Program(Random(seed), classes=True).text.encode() for seed in range(30)
    ]
    refused = 0
    for _ in range(4000 if long else 200):
        file = tmp_path / "damaged.py"
        file.write_bytes(damaged(random.choice(sources), random))
        try:
            ast.parse(file.read_bytes())
        except (SyntaxError, ValueError):
            pass
        else:
            continue  # it could run for hours
        _, errors, status = run_minipy_raw(file)
        assert status == 2 and "Traceback" not in errors, errors
        refused += 1
    assert refused > 100
