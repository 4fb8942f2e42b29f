"""The examples of the documentation, as written there."""

import doctest
from pathlib import Path

import x86_64
from x86_64 import *  # noqa: F403


def test_encode_gives_the_shortest_encoding() -> None:
    assert ADD(eax, 5).encode() == bytearray(b"\x83\xc0\x05")  # type: ignore[name-defined]  # noqa: F405


def test_encode_options_gives_every_opcode() -> None:
    options = MOVAPS(xmm0, xmm1).encode_options()  # type: ignore[name-defined]  # noqa: F405
    assert options == [bytearray(b"\x0f(\xc1"), bytearray(b"\x0f)\xc8")]


def test_encode_length_options_gives_one_encoding_of_each_length() -> None:
    assert VPSLLVD(ymm0, ymm1, [rsi + 8]).encode_length_options() == {  # type: ignore[name-defined]  # noqa: F405
        6: bytearray(b"\xc4\xe2uGF\x08"),
        7: bytearray(b"\xc4\xe2uGD&\x08"),
        9: bytearray(b"\xc4\xe2uG\x86\x08\x00\x00\x00"),
    }


def test_the_package_s_own_readme() -> None:
    path = Path(x86_64.__file__).with_name("README.md")
    failed, tried = doctest.testfile(str(path), module_relative=False)
    assert (failed, tried > 10) == (0, True)
