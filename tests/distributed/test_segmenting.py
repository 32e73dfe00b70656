"""Pictures that a cluster segments give the results of the plain command, whatever happens to workers."""

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from small_pictures import contents, write_pictures

from pixelwise.core.errors import ClusterError, ImageError, ModelError
from pixelwise.distributed.segmenting import segment
from pixelwise.inference.segment_files import Outcome
from pixelwise.workflows.segmenting import segment_folder

ray = pytest.importorskip("ray", reason='needs pip install "pixelwise[distributed]"')
pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

pytestmark = pytest.mark.usefixtures("ray_cluster")
MASK = ("mask",)


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

    done = segment(tmp_path / "photos", tmp_path / "ray", model_path, MASK, on_picture=kill)
    assert killed
    assert killed[0] not in workers_of_this_program()
    plain = segment_folder(tmp_path / "photos", tmp_path / "plain", model_path, MASK)
    assert [outcome.path for outcome in done.outcomes] == [outcome.path for outcome in plain.outcomes]
    assert [outcome.areas for outcome in done.outcomes] == [outcome.areas for outcome in plain.outcomes]
    found, expected = contents(tmp_path / "ray"), contents(tmp_path / "plain")
    assert sum(name.endswith("_mask.png") for name in expected) == 2000
    assert sum(name.endswith(".json") for name in expected) >= 2000  # records
    assert found == expected

    again = segment(tmp_path / "photos", tmp_path / "ray", model_path, MASK)
    assert all(outcome.skipped for outcome in again.outcomes)
    assert contents(tmp_path / "ray") == expected


def test_rows_hold_what_the_plain_files_do_and_are_made_once(tmp_path: Path, model_path: Path) -> None:
    paths = write_pictures(tmp_path / "photos", 100)
    paths[70].write_bytes(b"not a picture")
    output = tmp_path / "rows.parquet"
    run = partial(segment, [tmp_path / "photos", tmp_path / "gone"], output, model_path, MASK, batch_size=30)
    done = run()
    problems = {str(outcome.path): str(outcome.problem) for outcome in done.failed}
    assert sorted(problems) == [str(tmp_path / "gone"), str(paths[70])]
    segment_folder(tmp_path / "photos", tmp_path / "plain", model_path, MASK)
    made = contents(output)
    assert len(made) == 4 + 1  # files of 30 rows, the manifest
    rows = {row["path"]: row for row in parquet.read_table(output).to_pylist()}
    assert len(rows) == len(paths)
    for path in paths:
        file = tmp_path / "plain" / f"{path.stem}_mask.png"
        assert rows[str(path)]["mask"] == (None if path == paths[70] else file.read_bytes())
    assert rows[str(paths[70])]["message"] == f"{paths[70]}: expected an image, got text"

    removed = sorted(output.glob("part-*"))[0]
    gone = set(parquet.read_table(removed)["path"].to_pylist())
    removed.unlink()
    again = run()
    assert {str(outcome.path) for outcome in again.outcomes if not outcome.skipped} == gone | {*problems}
    assert contents(output) == made


def test_the_crf_as_a_stage_of_its_own_gives_the_plain_results(tmp_path: Path, model_path: Path) -> None:
    paths = write_pictures(tmp_path / "photos", 20)
    paths[3].write_bytes(b"not a picture")
    segment(tmp_path / "photos", tmp_path / "ray", model_path, MASK, workers=1, crf_workers=1, crf="densecrf")
    segment_folder(tmp_path / "photos", tmp_path / "plain", model_path, MASK, crf="densecrf")
    plain = contents(tmp_path / "plain")
    assert sum(name.endswith("_mask.png") for name in plain) == 19
    assert contents(tmp_path / "ray") == plain
    segment_folder(tmp_path / "photos", tmp_path / "net", model_path, MASK)
    assert contents(tmp_path / "net") != plain


def test_rows_of_parquet_files_and_of_data_sets_are_pictures(tmp_path: Path, model_path: Path) -> None:
    paths = write_pictures(tmp_path / "photos", 10)
    names = [f"/data/{path.name}" for path in paths]
    table = pyarrow.table({"path": names, "bytes": [path.read_bytes() for path in paths], "more": range(10)})
    parquet.write_table(table, tmp_path / "photos.parquet")
    segment_folder(tmp_path / "photos", tmp_path / "plain", model_path, MASK)
    masks = [(tmp_path / "plain" / f"{path.stem}_mask.png").read_bytes() for path in paths]

    segment(tmp_path / "photos.parquet", tmp_path / "rows.parquet", model_path, MASK, batch_size=4)
    rows = parquet.read_table(tmp_path / "rows.parquet").to_pylist()
    assert {row["path"]: row["mask"] for row in rows} == dict(zip(names, masks, strict=True))
    assert len(list((tmp_path / "rows.parquet").glob("part-*"))) == 3

    segment(ray.data.from_arrow(table), tmp_path / "files", model_path, MASK)
    assert [(tmp_path / "files/data" / f"{path.stem}_mask.png").read_bytes() for path in paths] == masks
    with pytest.raises(ImageError, match="expected rows with path and bytes, got name"):
        segment(ray.data.from_items([{"name": "a"}]), tmp_path / "files", model_path)


def test_pictures_and_rows_may_be_in_a_store_with_the_protocol_of_s3(
    tmp_path: Path, model_path: Path, s3: Any
) -> None:
    paths = write_pictures(tmp_path / "photos", 10)
    segment_folder(tmp_path / "photos", tmp_path / "plain", model_path, MASK)
    for path in paths:
        s3.pipe_file(f"bucket/photos/{path.name}", path.read_bytes())
    run = partial(segment, "s3://bucket/photos", "s3://bucket/rows.parquet", model_path, MASK)
    run()
    found = parquet.read_table("bucket/rows.parquet", filesystem=s3).to_pylist()
    assert {row["path"].rpartition("/")[2]: row["mask"] for row in found} == {
        path.name: (tmp_path / "plain" / f"{path.stem}_mask.png").read_bytes() for path in paths
    }
    assert all(outcome.skipped for outcome in run().outcomes)


@pytest.mark.parametrize(
    ("model", "message"), [("nowhere.onnx", "no model file nowhere.onnx"), (b"damaged", "damaged.onnx")]
)
def test_a_model_that_cannot_be_loaded_is_one_error(tmp_path: Path, model: str | bytes, message: str) -> None:
    write_pictures(tmp_path / "photos", 2)
    if isinstance(model, bytes):
        (tmp_path / "damaged.onnx").write_bytes(model)
        model = str(tmp_path / "damaged.onnx")
    with pytest.raises(ModelError, match=message):
        segment(tmp_path / "photos", tmp_path / "ray", model, MASK)


def test_an_output_that_is_a_file_is_one_error(tmp_path: Path, model_path: Path) -> None:
    write_pictures(tmp_path / "photos", 2)
    for name in ("file", "file.parquet"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(ImageError, match=name):
            segment(tmp_path / "photos", tmp_path / name, model_path, MASK)


def test_stages_that_the_cluster_has_no_room_for_are_refused(tmp_path: Path, model_path: Path) -> None:
    write_pictures(tmp_path / "photos", 1)
    run = partial(segment, tmp_path / "photos", tmp_path / "ray", model_path, MASK, crf="densecrf")
    with pytest.raises(ClusterError, match="expected 3 processors: 1 for a worker, and 2 to"):
        run(crf_workers=2)
    with pytest.raises(ClusterError, match="connected to a Ray cluster already"):
        run(address="local")


@pytest.mark.parametrize("name", ["batch_size", "workers", "crf_workers"])
def test_counts_below_one_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"expected {name} of at least 1, got 0"):
        segment(tmp_path, tmp_path / "out", **cast(Any, {name: 0}))
