"""Only regular files are read."""

import os
from pathlib import Path

import pytest

from pixelwise.files import regular_file


def test_a_regular_file_and_a_link_to_one_are_taken(tmp_path: Path) -> None:
    file, link = tmp_path / "a", tmp_path / "b"
    file.write_text("x")
    link.symlink_to(file)
    assert regular_file(file) == file
    assert regular_file(link) == link


def test_folders_pipes_devices_and_impossible_names_raise_oserror(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for path, reason in [
        (tmp_path, "folder"),
        (tmp_path / "pipe", "pipe"),
        (tmp_path / "zero", "device"),
        (tmp_path / "a\0b", "null character"),
    ]:
        with pytest.raises(OSError, match=reason) as caught:
            regular_file(path)
        assert reason in str(caught.value.strerror)
    with pytest.raises(FileNotFoundError):
        regular_file(tmp_path / "missing")
