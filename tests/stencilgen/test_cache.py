"""A cache may be lost, but never wrong."""

from pathlib import Path

import pytest

from stencilgen.cache import Cache
from stencilgen.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    cache = Cache(tmp_path / "folder" / "cache.pickle")
    cache["one"], cache["two"] = "a text of one", ["two"]
    cache.save(None)
    return tmp_path / "folder" / "cache.pickle"


def test_what_was_saved_is_there_again(path: Path) -> None:
    cache = Cache(path)
    assert (cache["one"], cache["two"]) == ("a text of one", ["two"])
    cache.save(keep=["two"])
    assert "one" not in Cache(path) and "two" in Cache(path)


def test_any_damage_empties_it(path: Path) -> None:
    """A changed letter of a text would be a valid pickle, and wrong code."""
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), 7)]
    damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    for content in damaged:
        path.write_bytes(content)
        cache = Cache(path)
        assert "one" not in cache and "two" not in cache


def test_another_stencilgen_finds_nothing(path: Path) -> None:
    """Its classes may have other fields: what it read could not even be written again."""
    newer = Cache(path, maker="newer")
    assert "one" not in newer
    newer["three"] = 3
    newer.save(None)
    assert "three" in Cache(path, maker="newer") and "three" not in Cache(path)


def test_nothing_is_read_or_written_when_it_is_off(path: Path) -> None:
    before = path.read_bytes()
    cache = Cache(path, enabled=False)
    assert "one" not in cache
    cache["three"] = 3
    cache.save(None)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_to_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "cache.pickle").mkdir()
    cache = Cache(tmp_path / "cache.pickle")
    cache["one"] = 1
    with pytest.raises(UserError, match=r"cache\.pickle: cannot write the cache: Is a directory"):
        cache.save(None)
    assert [path.name for path in tmp_path.iterdir()] == ["cache.pickle"]
