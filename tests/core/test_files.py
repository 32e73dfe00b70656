"""Files that are whole or absent, and files that are looked at before they are opened."""

import errno
import os
import select
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pytest

from pixelwise.core.errors import DataError, ImageError
from pixelwise.core.files import (
    exclusive,
    make_folder,
    open_file,
    regular_file,
    remove_abandoned,
    sha256_of,
    write_atomically,
    write_together,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_several_files_appear_together_or_not_at_all(tmp_path: Path) -> None:
    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise ValueError("no")

    first, second = tmp_path / "a" / "1", tmp_path / "b" / "2"
    with pytest.raises(ValueError, match="no"):
        write_together({first: lambda file: file.write(b"1"), second: fail})
    assert (names(first.parent), names(second.parent)) == ([], [])
    write_together({first: lambda file: file.write(b"1"), second: lambda file: file.write(b"2")})
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")


def test_a_thousand_files_are_written_together_with_few_of_them_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # which takes seconds
    files: list[BinaryIO] = []

    def write(file: BinaryIO) -> None:
        files.append(file)
        file.write(b"whole")

    write_together({tmp_path / f"{number:04}": write for number in range(1000)})
    assert names(tmp_path) == [f"{number:04}" for number in range(1000)]
    assert (tmp_path / "0999").read_bytes() == b"whole"

    def fail(file: BinaryIO) -> None:
        assert sum(not file.closed for file in files) < 120
        raise OSError(errno.ENOSPC, "No space left on device")

    files.clear()
    with pytest.raises(ImageError, match="No space left"):
        write_together({**{tmp_path / "new" / str(n): write for n in range(1000)}, tmp_path / "last": fail})
    assert names(tmp_path / "new") == []


def test_a_file_whose_name_is_refused_takes_the_others_with_it(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(ImageError, match=r"cannot write .*taken: Is a directory"):
        write_together({tmp_path / name: lambda file: file.write(b"1") for name in ("first", "taken")})
    assert names(tmp_path) == ["taken"]


@pytest.mark.parametrize("renamed", range(3))
@pytest.mark.parametrize("late", [False, True])
def test_files_that_were_there_come_back_if_the_others_cannot_be_named(
    renamed: int, late: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted before or after any of the renames."""
    for name in ("1", "3"):
        (tmp_path / name).write_bytes(b"old")
    replace = Path.replace
    calls = iter(range(9))

    def interrupted(self: Path, target: Path) -> None:
        last = next(calls) == renamed
        if not last or late:
            replace(self, target)
        if last:
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_together({tmp_path / name: lambda file: file.write(b"new") for name in "123"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"1": b"old", "3": b"old"}


def test_without_hard_links_replaced_files_stay_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr("os.link", refused)
    (tmp_path / "first").write_bytes(b"old")
    (tmp_path / "taken").mkdir()
    with pytest.raises(ImageError, match="taken"):
        write_together({tmp_path / name: lambda file: file.write(b"new") for name in ("first", "taken")})
    assert (tmp_path / "first").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "taken"]


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, bool]] = []

    def look(handle: int) -> None:
        synced.append((os.fstat(handle).st_size, (tmp_path / "x").exists()))

    monkeypatch.setattr(os, "fsync", look)
    write_atomically(tmp_path / "x", lambda file: file.write(b"whole"))
    assert synced == [(5, False)]


def test_complete_files_that_wait_for_their_names_are_not_taken_for_abandoned(tmp_path: Path) -> None:
    def look(temporary: Mapping[Path, Path]) -> None:
        assert [path.name for path in temporary] == ["1", "2"]
        remove_abandoned(tmp_path)  # as another process would
        assert [path.read_bytes() for path in temporary.values()] == [b"whole", b"whole"]

    write_together({tmp_path / name: lambda file: file.write(b"whole") for name in "12"}, look)
    assert names(tmp_path) == ["1", "2"]


def test_temporary_files_of_killed_processes_go_and_those_of_live_ones_stay(tmp_path: Path) -> None:
    def killed(file: BinaryIO) -> None:
        file.write(b"half")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            write_atomically(tmp_path / "x", killed)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.endswith(".partial")
    foreign = tmp_path / "mine.partial"
    foreign.write_text("not ours")

    def look(file: BinaryIO) -> None:
        assert len(names(tmp_path)) == 3
        remove_abandoned(tmp_path)  # as another process would
        file.write(b"whole")
        assert len(names(tmp_path)) == 2
        assert left not in names(tmp_path)

    write_atomically(tmp_path / "y", look)
    assert names(tmp_path) == ["mine.partial", "y"]
    assert (tmp_path / "y").read_bytes() == b"whole"


def test_a_folder_for_results_is_rid_of_what_killed_processes_left(tmp_path: Path) -> None:
    (tmp_path / ".0123456789ab.partial").touch()
    make_folder(tmp_path, "folder", "--output", DataError)
    assert names(tmp_path) == []
    make_folder(tmp_path / "a/b", "folder", "--output", DataError)
    assert names(tmp_path / "a") == ["b"]


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "nothing", "broken link", "null"])
def test_only_files_are_opened(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "broken link":
        path.symlink_to(tmp_path / "gone")
    elif kind == "null":
        path = tmp_path / "a\0b"
    for read in (open_file, sha256_of):
        with pytest.raises(OSError) as caught:
            read(path)
        expected = {"folder": errno.EISDIR, "nothing": errno.ENOENT}.get(kind, errno.EINVAL)
        assert caught.value.errno == expected
        if kind == "broken link":
            assert "it is a link to a file that is not there" in str(caught.value)


def test_a_pipe_that_took_the_place_of_a_file_is_neither_waited_for_nor_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "x")
    monkeypatch.setattr("pixelwise.core.files.regular_file", lambda path: path)  # it was a file then
    with pytest.raises(OSError, match="it is a device, pipe or socket"):
        open_file(tmp_path / "x")


def test_one_process_at_a_time_is_in_a_folder(tmp_path: Path) -> None:
    reader, writer = os.pipe()

    def told(seconds: float) -> bytes:
        return os.read(reader, 1) if select.select([reader], [], [], seconds)[0] else b""

    with exclusive(tmp_path):
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, b"1")
                with exclusive(tmp_path):
                    os.write(writer, b"2")
            finally:
                os._exit(0)
        asked, entered = told(30), told(0.3)
    try:
        assert (asked, entered) == (b"1", b""), "it waits"
        assert told(30) == b"2"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)


def test_a_regular_file_and_a_link_to_one_are_taken(tmp_path: Path) -> None:
    file, link = tmp_path / "a", tmp_path / "b"
    file.write_text("x")
    link.symlink_to(file)
    assert regular_file(file) == file
    assert regular_file(link) == link


@pytest.mark.parametrize("url", ["s3://bucket/run", "https://example.org/a"])
def test_results_do_not_go_to_a_folder_called_like_a_scheme(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError, match="not to a URL"):
        write_atomically(Path(url), lambda file: file.write(b"1"))
    with pytest.raises(DataError, match=r"not to a URL.*\n.*another --output"):
        make_folder(Path(url), "run folder", "--output", DataError)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_name_ends_in_a_colon_takes_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Notes:").mkdir()
    write_atomically(Path("Notes:/x"), lambda file: file.write(b"1"))
    assert Path("Notes:/x").read_bytes() == b"1"


def test_folders_pipes_devices_and_impossible_names_raise_oserror(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for path, reason in [
        (tmp_path, "folder"),
        (tmp_path / "pipe", "pipe"),
        (tmp_path / "zero", "device"),
        (tmp_path / "a\0b", "null character"),
        (tmp_path / "\ud800", "no name of a file"),
    ]:
        with pytest.raises(OSError, match=reason) as caught:
            regular_file(path)
        assert reason in str(caught.value.strerror)
    with pytest.raises(FileNotFoundError):
        regular_file(tmp_path / "missing")
