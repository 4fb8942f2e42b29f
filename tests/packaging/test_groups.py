"""How the tests are spread over workers names files and folders: they are there."""

import pytest

from tests.conftest import LONGEST, TESTS, TOGETHER, group_of


@pytest.mark.parametrize("folder", TOGETHER)
def test_what_stays_together_is_a_folder_of_tests(folder: str) -> None:
    files = [path.relative_to(TESTS).as_posix() for path in (TESTS / folder).glob("test_*.py")]
    assert {group_of(file) for file in files} == {folder}


@pytest.mark.parametrize("group", LONGEST)
def test_what_is_begun_first_is_a_group(group: str) -> None:
    assert group in TOGETHER or (TESTS / f"{group}.py").is_file()
    assert group in TOGETHER or group_of(f"{group}.py") == group
