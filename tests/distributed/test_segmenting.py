"""Pictures that a cluster segments give the results of the plain command, whatever happens to workers."""

from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePath
from typing import Any, cast

import pytest
from dying_workers import DyingSegment, NotedRefine, NotedScore
from PIL import Image
from small_pictures import contents, write_pictures
from tiny_model import tiny_info, tiny_model

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ClusterError, ImageError, ModelError
from pixelwise.distributed.segmenting import _outcomes, segment
from pixelwise.distributed.stages import Done
from pixelwise.inference.segment_files import Outcome
from pixelwise.inference.sources.tasks import Task
from pixelwise.workflows.loading import LoadOptions
from pixelwise.workflows.segmenting import segment_folder

ray = pytest.importorskip("ray", reason='needs pip install "pixelwise[distributed]"')
pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

pytestmark = pytest.mark.usefixtures("ray_cluster")
MASK = ("mask",)


@pytest.fixture
def die(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make workers kill themselves, as DyingSegment does; returns its folder of notes."""

    def die(unnamed: str, unreported: str) -> Path:
        notes = tmp_path / "notes"
        notes.mkdir()
        dying = partial(DyingSegment, notes=notes, unnamed=unnamed, unreported=unreported)
        monkeypatch.setattr("pixelwise.distributed.segmenting.Segment", dying)
        return notes

    return die


def expect_deaths(notes: Path) -> None:
    """Fail unless two processes have died and others have gone on."""
    dead = {(notes / f"died-{point}").read_text() for point in ("unnamed", "unreported")}
    started = {path.name.removeprefix("started-") for path in notes.glob("started-*")}
    assert len(dead) == 2
    assert started > dead


def test_two_thousand_pictures_equal_the_plain_run_although_workers_are_killed(
    tmp_path: Path, model_path: Path, die: Callable[..., Path]
) -> None:
    write_pictures(tmp_path / "photos", 2000)
    notes = die("00500_mask.png", "01500.png")
    done = segment(tmp_path / "photos", tmp_path / "ray", model_path, MASK)
    expect_deaths(notes)
    assert not done.failed
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


def test_files_of_rows_are_the_same_although_workers_are_killed(
    tmp_path: Path, model_path: Path, die: Callable[..., Path]
) -> None:
    write_pictures(tmp_path / "photos", 60)
    outputs = tmp_path / "usual.parquet", tmp_path / "dying.parquet"
    run = partial(segment, tmp_path / "photos", model=model_path, save=MASK, batch_size=20)
    usual = run(output=outputs[0])
    notes = die("part-*.parquet", "00050.png")
    done = run(output=outputs[1])
    expect_deaths(notes)
    assert [outcome.areas for outcome in done.outcomes] == [outcome.areas for outcome in usual.outcomes]
    assert len(contents(outputs[0])) == 3 + 1  # the manifest
    assert contents(outputs[1]) == contents(outputs[0])


def test_a_run_that_is_stopped_frees_its_workers_and_is_continued(tmp_path: Path, model_path: Path) -> None:
    write_pictures(tmp_path / "photos", 20)
    run = partial(segment, tmp_path / "photos", tmp_path / "ray", model_path, MASK, batch_size=2)

    def stop(done: int, total: int, outcome: Outcome) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(on_picture=stop)
    done = run()
    assert [outcome.skipped for outcome in done.outcomes][:4] == [True] * 4
    segment_folder(tmp_path / "photos", tmp_path / "plain", model_path, MASK)
    assert contents(tmp_path / "ray") == contents(tmp_path / "plain")


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


def test_a_worker_with_a_gpu_scores_and_others_refine(
    tmp_path: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "photos", 20)
    monkeypatch.setattr("pixelwise.distributed.segmenting.Score", partial(NotedScore, notes=tmp_path))
    options: LoadOptions = {"crf": "densecrf", "device": "cpu"}  # only Ray believes in the GPU
    segment(tmp_path / "photos", tmp_path / "ray", model_path, MASK, gpus_per_worker=1, **options)
    assert (tmp_path / "gpus").read_text() == "0"
    segment_folder(tmp_path / "photos", tmp_path / "plain", model_path, MASK, **options)
    assert contents(tmp_path / "ray") == contents(tmp_path / "plain")


def test_scores_wait_for_a_slow_crf_within_the_memory_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side, pictures = 300, 300
    most = ray.cluster_resources()["object_store_memory"] / (4 * side * side * 4)  # 4 classes in float32
    model = tmp_path / "tiny.onnx"
    model.write_bytes(tiny_model(tiny_info(side).to_metadata()))
    (tmp_path / "photos").mkdir()
    for index in range(pictures):
        Image.new("RGB", (side, side), (index % 256, 0, 0)).save(tmp_path / f"photos/{index:03}.png")
    for name, job in ("Score", NotedScore), ("Refine", NotedRefine):
        monkeypatch.setattr(f"pixelwise.distributed.segmenting.{name}", partial(job, notes=tmp_path))
    done = segment(
        tmp_path / "photos", tmp_path / "ray", model, MASK, workers=1, crf_workers=1, crf="densecrf"
    )
    assert len(done.outcomes) == pictures
    assert 0 < int((tmp_path / "ahead").read_text()) < most < pictures / 2


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


def test_without_a_picture_results_are_empty(tmp_path: Path, model_path: Path) -> None:
    none = pyarrow.table({"path": pyarrow.array([], "string"), "bytes": pyarrow.array([], "binary")})
    parquet.write_table(none, tmp_path / "none.parquet")
    gone = tmp_path / "gone.png"
    for source, expected in ([gone], [gone]), (tmp_path / "none.parquet", []):
        for output in ("files", "rows.parquet"):
            done = segment(source, tmp_path / output, model_path, MASK)
            assert [outcome.path for outcome in done.failed] == expected
            assert len(done.outcomes) == len(expected)
        assert parquet.read_table(tmp_path / "rows.parquet").num_rows == 0


def test_a_picture_without_an_answer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [Task(tmp_path / name, PurePath(name), PurePath(name)) for name in ("a.png", "b.png")]
    answer = Done(None, [Outcome("a.png")], Classes(("background",), ((0, 0, 0),)))
    monkeypatch.setattr(
        "pixelwise.distributed.segmenting.answers", lambda stages: (done for done in [answer])
    )
    outcomes = _outcomes(tasks, cast(Any, None), [])
    assert next(outcomes).path == tmp_path / "a.png"
    with pytest.raises(ClusterError, match=r"gave no answer for .*b\.png"):
        next(outcomes)


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
    with pytest.raises(ClusterError, match="expected a machine with 3 processors, for one worker"):
        run(threads=3, workers=1)
    with pytest.raises(ClusterError, match="expected a machine with 1 processors and 2 GPUs"):
        run(device="cuda", gpus_per_worker=2)
    with pytest.raises(ClusterError, match="connected to a Ray cluster already"):
        run(address="local")


@pytest.mark.parametrize("name", ["batch_size", "workers", "crf_workers"])
def test_counts_below_one_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"expected {name} of at least 1, got 0"):
        segment(tmp_path, tmp_path / "out", **cast(Any, {name: 0}))
