"""Pictures that a cluster segments give the results of the plain command, whatever happens to workers."""

import os
import signal
from pathlib import Path

import pytest
from small_pictures import contents, write_pictures

from pixelwise.distributed.segmenting import segment
from pixelwise.inference.segment_files import Outcome
from pixelwise.workflows.segmenting import segment_folder

pytest.importorskip("ray", reason='needs pip install "pixelwise[distributed]"')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("ray_cluster"),
    pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\."),  # Ray's own settings, as it copies them
]


def workers_of_this_program() -> list[int]:
    """The process ids of the workers that segment, started by this program's Ray."""
    parents, workers = {}, []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes()
            except OSError:  # it has ended
                continue
            parents[int(folder.name)] = int(fields[1])
            workers += [int(folder.name)] if command.startswith(b"ray::MapWorker") else []

    def is_ours(number: int) -> bool:
        while number > 1 and number != os.getpid():
            number = parents.get(number, 0)
        return number == os.getpid()

    return [number for number in workers if is_ours(number)]


def test_two_thousand_pictures_equal_the_plain_run_although_a_worker_is_killed(
    tmp_path: Path, model_path: Path
) -> None:
    write_pictures(tmp_path / "photos", 2000)
    killed: list[int] = []

    def kill(done: int, total: int, outcome: Outcome) -> None:
        assert outcome.problem is None, outcome.problem
        if done == 500:
            killed.append(workers_of_this_program()[0])
            os.kill(killed[0], signal.SIGKILL)

    done = segment(tmp_path / "photos", tmp_path / "ray", model_path, ("mask",), on_picture=kill)
    assert killed
    assert killed[0] not in workers_of_this_program()
    plain = segment_folder(tmp_path / "photos", tmp_path / "plain", model_path, ("mask",))
    assert [outcome.path for outcome in done.outcomes] == [outcome.path for outcome in plain.outcomes]
    assert [outcome.areas for outcome in done.outcomes] == [outcome.areas for outcome in plain.outcomes]
    found, expected = contents(tmp_path / "ray"), contents(tmp_path / "plain")
    assert len(expected) == 2 * 2000  # masks and records
    assert found == expected

    again = segment(tmp_path / "photos", tmp_path / "ray", model_path, ("mask",))
    assert all(outcome.skipped for outcome in again.outcomes)
    assert contents(tmp_path / "ray") == expected
