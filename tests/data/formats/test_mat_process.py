"""A .mat file may end its reader; it cannot end the process that asks."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from label_files import write_list, write_mat, write_mat_73, write_photo

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset
from pixelwise.data.checks.split_check import survey
from pixelwise.data.formats import mat_process
from pixelwise.data.formats.matlab import MatFile, read_mat

# A reader that dies of files whose name says so, at once or of the file after it, or that never answers.
STUB = """
import os, signal, time
from pixelwise.data.formats import mat_reader
read, poisoned = mat_reader._read, False
def stub(path, variable, index):
    global poisoned
    if "deadly" in path or poisoned:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "endless" in path:
        time.sleep(600)
    poisoned = "poison" in path
    return read(path, variable, index)
mat_reader._read = stub
mat_reader.main()
"""
# A damaged file that ends scipy 1.17 by a signal.
CRASH = (
    "TUFUTEFCIDUuMCBNQVQtZmlsZSBQbGF0Zm9ybTogcG9zaXgsIENyZWF0ZWQgb246IFNhdCBOb3YgMjggMDU6NDA6MDQgMjAyNgAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABSU0PAAAAawAAAHic42NgYOjgYWBgA9Ic"
    "QMzEAAGsUD4jEgaJuYck5xSD2SwMvFBxEB2cmp6bmleSWJKZnwfSzwfEBkjmcqKZawDEDlD9fAwwe3kYRsGIAYxYwKj6UfWj6kfV"
    "j6ofePWjYBSMglFAXwAAb6cK/A=="
)


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    mat_process._end()
    program = tmp_path / "stub.py"
    program.write_text(STUB)
    monkeypatch.setattr(mat_process, "_PROGRAM", str(program))
    for name in ("good", "deadly", "poison", "endless"):
        write_mat(tmp_path / f"{name}.mat", {"S": np.full((2, 3), len(name), np.uint8)})
    yield tmp_path
    mat_process._end()


@pytest.mark.slow
def test_a_file_that_kills_its_reader_is_one_error_and_the_next_is_read(stub: Path) -> None:
    for _ in range(2):
        assert read_mat(stub / "good.mat", "S").tolist() == [[4] * 3] * 2
        with pytest.raises(DataError, match=r"deadly.mat is not a readable .mat file: .*ended by signal 11"):
            read_mat(stub / "deadly.mat", "S")


def test_a_file_is_not_blamed_for_what_one_before_it_did(stub: Path) -> None:
    assert read_mat(stub / "poison.mat", "S").tolist() == [[6] * 3] * 2
    assert read_mat(stub / "good.mat", "S").tolist() == [[4] * 3] * 2


@pytest.mark.slow
def test_a_file_that_is_never_read_to_its_end_is_an_error(
    stub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mat_process, "_SECONDS", 1.0)
    with pytest.raises(DataError, match=r"endless.mat is not a readable .mat file: it took more than 1 s"):
        read_mat(stub / "endless.mat", "S")
    monkeypatch.setattr(mat_process, "_SECONDS", 30.0)
    assert read_mat(stub / "good.mat", "S").tolist() == [[4] * 3] * 2


def test_an_answer_that_was_interrupted_is_not_taken_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (1, 2):
        write_mat(tmp_path / f"{value}.mat", {"S": np.full((2, 3), value, np.uint8)})

    def interrupted(*_: object) -> bytearray:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(mat_process, "_exactly", interrupted)
        with pytest.raises(KeyboardInterrupt):
            read_mat(tmp_path / "1.mat", "S")
    assert read_mat(tmp_path / "2.mat", "S").tolist() == [[2] * 3] * 2


def test_threads_get_each_their_own_file(tmp_path: Path) -> None:
    for value in range(40):
        write_mat(tmp_path / f"{value}.mat", {"S": np.full((4, 5), value, np.uint8)})
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda value: read_mat(tmp_path / f"{value}.mat", "S"), range(40)))
    assert [array.tolist() for array in read] == [[[value] * 5] * 4 for value in range(40)]


def sbd(root: Path, count: int) -> Path:
    for index in range(count):
        write_photo(root / f"img/{index}.jpg", 2, 3)
        write_mat(root / f"cls/{index}.mat", {"GTcls": {"Segmentation": np.ones((2, 3), np.uint8)}})
    write_list(root / "train.txt", *map(str, range(count)))
    return root


def test_a_forked_process_has_a_reader_of_its_own(tmp_path: Path) -> None:
    root = sbd(tmp_path / "sbd", 3)
    data = open_dataset(f"sbd:{root}", "train")
    assert data.read(0).labels.tolist() == [[1] * 3] * 2
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = int(data.read(2).labels.tolist() != [[1] * 3] * 2)
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert data.read(1).labels.tolist() == [[1] * 3] * 2


@pytest.mark.slow
def test_the_reader_ends_with_the_process_that_asked_and_says_nothing(tmp_path: Path) -> None:
    write_mat(tmp_path / "a.mat", {"S": np.ones((2, 3), np.uint8)})
    program = (
        "import os, sys; from pathlib import Path; from pixelwise.data.formats import mat_process, matlab\n"
        f"matlab.read_mat(Path({str(tmp_path / 'a.mat')!r}), 'S')\n"
        "print(mat_process._reader._process.pid, flush=True)\n"
        "if sys.argv[1] == 'killed': os.kill(os.getpid(), 9)"
    )
    for way, code in (("ends", 0), ("killed", -9)):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, way], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (code, "")
        assert _ended(int(done.stdout))


def _ended(process: int) -> bool:
    """Wait until the process is gone, or is a zombie that nobody has asked after."""
    for _ in range(600):
        try:
            if "\nState:\tZ" in Path(f"/proc/{process}/status").read_text():
                return True
            os.kill(process, 0)
        except OSError:
            return True
        subprocess.run(["sleep", "0.05"], check=True)
    return False


def test_an_array_that_declares_gigabytes_is_refused(tmp_path: Path) -> None:
    write_mat_73(tmp_path / "a.mat", {"S": np.ones((2, 3), np.uint8)})
    with h5py.File(tmp_path / "a.mat", "r+") as file:
        file.create_dataset("huge", (100_000, 100_000), np.uint8, chunks=(100, 100))
    assert (tmp_path / "a.mat").stat().st_size < 10_000
    with pytest.raises(DataError, match=r"a.mat is not a readable .mat file: it declares 10.0 GB"):
        read_mat(tmp_path / "a.mat", "huge")


@pytest.mark.parametrize(
    "values",
    [np.array([[1e300]]), np.array([[np.inf]]), np.array([[np.nan]]), np.array([[0.5]]), np.zeros((0, 3))],
)
def test_numbers_that_are_not_ids_are_refused(tmp_path: Path, values: Any) -> None:
    write_mat(tmp_path / "a.mat", {"S": values})
    with pytest.raises(DataError, match=r'"S" in .*a.mat is float64 of shape'):
        MatFile(tmp_path / "a.mat", "S").read()


@pytest.mark.slow
def test_a_real_file_that_ends_scipy_by_a_signal_is_named_and_the_check_goes_on(tmp_path: Path) -> None:
    root = sbd(tmp_path, 6)
    for index in (0, 3):
        (root / f"cls/{index}.mat").write_bytes(base64.b64decode(CRASH))
    report = survey(open_dataset(f"sbd:{root}", "train")).audit
    assert [finding.samples for finding in report.errors] == [(0,), (3,)]
    assert all(f"{finding.samples[0]}.mat" in finding.message for finding in report.errors)
    assert report.main.images[1] == 4
