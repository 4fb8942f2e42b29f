"""How the tests are spread over workers names files and folders: they are there."""

import pytest

from tests.conftest import LONGEST, TESTS, TOGETHER, group_of

GROUPS = {group_of(path.relative_to(TESTS).as_posix()) for path in TESTS.rglob("test_*.py")}


@pytest.mark.parametrize("group", TOGETHER)
def test_what_stays_together_is_several_files_of_tests(group: str) -> None:
    found = [
        [path for path in TESTS.rglob("test_*.py") if path.relative_to(TESTS).as_posix().startswith(begin)]
        for begin in TOGETHER[group]
    ]
    assert all(found) and sum(map(len, found)) > 1


@pytest.mark.parametrize("group", LONGEST)
def test_what_is_begun_first_is_a_group(group: str) -> None:
    assert group in GROUPS
