"""Rows of Parquet files: the content of the plain command's files, errors among them, each once."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import pytest
from small_pictures import contents, write_pictures

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.reading import Encoded
from pixelwise.distributed.stages import Plan
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.cleaning import AS_IS
from pixelwise.inference.results.kind import Saving
from pixelwise.inference.results.style import USUAL
from pixelwise.inference.segment_files import Outcome
from pixelwise.inference.sources.tasks import Task

pyarrow = pytest.importorskip("pyarrow", reason='needs pip install "pixelwise[distributed]"')
parquet = pytest.importorskip("pyarrow.parquet", reason='needs pip install "pixelwise[distributed]"')
from pixelwise.distributed.row_files import MANIFEST, RowFiles, Rows, name_of  # noqa: E402

KINDS = ("mask", "overlay")
Save = Callable[..., tuple[str, list[Outcome]]]


def tasks_of(paths: list[Path]) -> list[Task]:
    return [Task(path, PurePath(path.name), PurePath(path.stem)) for path in paths]


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        pytest.importorskip("fsspec", reason='needs pip install "pixelwise[cloud]"')
        return f"memory://{tmp_path.name}/rows.parquet"
    return str(tmp_path / "rows.parquet")


@pytest.fixture
def save(place: str, predictor: Predictor) -> Save:
    def save(tasks: list[Task], overwrite: bool = False) -> tuple[str, list[Outcome]]:
        name = name_of(tasks, predictor.identity, KINDS)
        return name, RowFiles(place).save(name, Rows(tasks, [predictor] * len(tasks), KINDS), overwrite)

    return save


def rows_of(place: str) -> list[dict[str, Any]]:
    rows = []
    for name in sorted(RowFiles(place).names()):
        with RowFiles(place).open(name) as file:
            rows += parquet.read_table(file).to_pylist()
    return rows


def test_a_row_holds_what_the_files_of_a_picture_would(
    tmp_path: Path, place: str, save: Save, predictor: Predictor
) -> None:
    paths = write_pictures(tmp_path / "photos", 3)
    _, outcomes = save(tasks_of(paths))
    rows = rows_of(place)
    assert [row["path"] for row in rows] == [str(path) for path in paths]
    for row, outcome, path in zip(rows, outcomes, paths, strict=True):
        result = predictor(path)
        files = result.save(tmp_path / "plain" / path.stem, KINDS)
        assert {kind: row[kind] for kind in KINDS} == {
            kind: file.read_bytes() for kind, file in files.items()
        }
        assert (row["height"], row["width"]) == outcome.size == (24, 30)
        assert outcome.areas == result.areas()
        assert [area["name"] for area in row["areas"]] == [area.name for area in result.areas()]


def test_geojson_of_a_picture_that_is_not_a_file_has_its_name(tmp_path: Path, predictor: Predictor) -> None:
    (path,) = write_pictures(tmp_path / "photos", 1)
    names = ["s3://shop/deep/a.png", "b\0/c d.jpg"]
    read = partial(Encoded, path.read_bytes())
    rows = Rows(
        [Task(name, PurePath(name), PurePath("x"), read=read) for name in names], [predictor] * 2, ["geojson"]
    )
    RowFiles(str(tmp_path / "rows.parquet")).save("part-1.parquet", rows)
    found = [json.loads(row["geojson"])["picture"] for row in rows_of(str(tmp_path / "rows.parquet"))]
    assert found == ["a.jpg", "c d.jpg"]


def test_a_picture_that_fails_is_a_row_with_message_and_hint(tmp_path: Path, place: str, save: Save) -> None:
    paths = write_pictures(tmp_path / "photos", 3)
    paths[1].write_bytes(b"not a picture")
    _, outcomes = save([*tasks_of(paths), Task(tmp_path / "gone.png", PurePath("x"), PurePath("x"))])
    assert [outcome.problem is None for outcome in outcomes] == [True, False, True, False]
    first, second, third, fourth = rows_of(place)
    assert first["message"] is None
    assert third["mask"] is not None
    assert second["message"] == f"{paths[1]}: expected an image, got text"
    assert (second["mask"], second["areas"]) == (None, None)
    assert "gone.png" in fourth["message"]


def test_a_finished_file_is_not_made_again_but_for_its_failures(
    tmp_path: Path, place: str, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_pictures(tmp_path / "photos", 3)
    good = paths[1].read_bytes()
    row = partial(Task, "a.png", PurePath("a"), PurePath("a"))
    tasks = [*tasks_of(paths[:1]), row(read=partial(Encoded, b"nothing", "a.png"))]
    name, outcomes = save(tasks)
    assert [outcome.problem is None for outcome in outcomes] == [True, False]
    assert not RowFiles(place).finished(name)
    assert [outcome.skipped for outcome in save(tasks)[1]] == [True, False]
    tasks[1] = row(read=partial(Encoded, good, "a.png"))
    name, outcomes = save(tasks)
    assert not any(outcome.problem or outcome.skipped for outcome in outcomes)
    assert RowFiles(place).finished(name)
    monkeypatch.setattr(RowFiles, "_write", lambda *_: pytest.fail("written again"))
    assert [outcome.skipped for outcome in save(tasks)[1]] == [True, True]
    with pytest.raises(pytest.fail.Exception):
        save(tasks, overwrite=True)


def test_a_damaged_file_is_made_again_with_the_same_bytes(tmp_path: Path, predictor: Predictor) -> None:
    tasks = tasks_of(write_pictures(tmp_path / "photos", 2))
    files = RowFiles(str(tmp_path / "rows.parquet"))
    save = partial(files.save, "part-1.parquet", Rows(tasks, [predictor] * 2, KINDS))
    save()
    before = contents(tmp_path / "rows.parquet")
    path = tmp_path / "rows.parquet/part-1.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    assert not any(outcome.skipped for outcome in save())
    assert contents(tmp_path / "rows.parquet") == before


def test_the_name_changes_with_pictures_model_and_kinds(tmp_path: Path) -> None:
    paths = write_pictures(tmp_path / "photos", 2)
    names = {name_of(tasks_of(paths), "model", KINDS)}
    names.add(name_of(tasks_of(paths), "another", KINDS))
    names.add(name_of(tasks_of(paths), "model", ("mask",)))
    names.add(name_of(tasks_of(paths[:1]), "model", KINDS))
    paths[0].write_bytes(b"changed")
    names.add(name_of(tasks_of(paths), "model", KINDS))
    for content in b"one", b"two":
        task = Task("a", PurePath("a"), PurePath("a"), read=partial(Encoded, content, "a"))
        names.add(name_of([task], "model", KINDS))
    assert len(names) == 7
    assert name_of(tasks_of(paths), "model", KINDS) in names


def test_the_end_leaves_the_files_of_this_run_and_a_manifest(tmp_path: Path, place: str, save: Save) -> None:
    paths = write_pictures(tmp_path / "photos", 2)
    old, _ = save(tasks_of(paths))
    new, _ = save(tasks_of(paths[:1]))
    files = RowFiles(place)
    assert files.names() == {old, new}
    files.keep([new], {old, new}, {"pictures": 1, "failed": 0})
    assert files.names() == {new}
    with files.open(MANIFEST) as file:
        assert json.load(file) == {"format": 1, "pictures": 1, "failed": 0, "files": [new]}


def test_files_that_another_command_makes_or_removes_are_an_error_and_stay(
    tmp_path: Path, place: str, save: Save
) -> None:
    paths = write_pictures(tmp_path / "photos", 2)
    mine, foreign = save(tasks_of(paths))[0], save(tasks_of(paths[:1]))[0]
    files = RowFiles(place)
    with pytest.raises(ImageError, match=f"another command made {foreign} meanwhile"):
        files.keep([mine], set(), {})
    with pytest.raises(ImageError, match=r"another command removed part-0\.parquet meanwhile"):
        files.keep([mine, "part-0.parquet"], {foreign}, {})
    assert files.names() == {mine, foreign}


def test_a_row_called_as_a_file_about_all_pictures_gets_another_name(tmp_path: Path) -> None:
    plan = Plan("m", {}, str(tmp_path), ("labelme", "coco"), AS_IS, USUAL, Saving(), overwrite=False)
    rows = pyarrow.table({"path": ["coco.png", "a.png"], "bytes": [b"", b""]})
    assert [str(task.stem) for task in plan.tasks(rows)] == ["coco_png", "a"]
