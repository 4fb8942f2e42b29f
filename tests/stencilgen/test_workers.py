"""Work spread over processes comes back whole, and whatever goes wrong there is heard of here."""

import operator
import os
from functools import partial
from pathlib import Path

import pytest

from stencilgen.config import load_config
from stencilgen.errors import UserError
from stencilgen.workers import map_in_processes


def test_every_item_has_a_result() -> None:
    triple = partial(operator.mul, 3)
    assert sorted(map_in_processes(triple, range(20), jobs=3)) == [3 * n for n in range(20)]
    assert list(map_in_processes(triple, [7], jobs=8)) == [21]
    assert list(map_in_processes(triple, [], jobs=2)) == []


def test_the_users_mistake_is_raised_here() -> None:
    with pytest.raises(UserError, match=r"/nowhere/stencilgen\.toml: there is no such configuration"):
        list(map_in_processes(load_config, [Path("/nowhere/stencilgen.toml")], jobs=2))


def test_a_worker_that_dies_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="gave no answer"):
        list(map_in_processes(os._exit, [3, 4], jobs=2))


def test_work_that_cannot_be_sent_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="gave no answer"):
        list(map_in_processes(lambda item: item, [1], jobs=1))
