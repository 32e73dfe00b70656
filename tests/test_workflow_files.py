"""The workflows of GitHub cannot run here; what they name exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_workflows_name_folders_of_tests_that_exist() -> None:
    files = sorted((ROOT / ".github/workflows").glob("*.yml"))
    named = [name for file in files for name in re.findall(r"\btests(?:/\w+)+", file.read_text())]
    assert len(files) == 2
    assert named
    assert [name for name in named if not (ROOT / name).is_dir()] == []
