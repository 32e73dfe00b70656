"""Folders and files that fsspec knows, tested with its file system in memory."""

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from PIL import Image

from pixelwise.core.errors import ImageError
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segment_files import run
from pixelwise.inference.sources import cloud
from pixelwise.inference.sources.cloud import Store, place_of
from pixelwise.inference.sources.files import PassedOver
from pixelwise.inference.sources.tasks import plan
from pixelwise.workflows.segmenting import segment_folder

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def stored() -> Iterator[None]:
    """memory://shop/ with pictures, a video and others."""
    system = fsspec.filesystem("memory")
    file = io.BytesIO()
    Image.new("RGB", (6, 4), (255, 0, 0)).save(file, "PNG")
    for name in ("a.png", "sub/a.png", "sub/b.PNG", ".hidden.png", ".cache/c.png"):
        system.pipe(f"/shop/{name}", file.getvalue())
    for name in ("clip.mp4", "d.nef", "notes.txt", "broken.jpg"):
        system.pipe(f"/shop/{name}", b"words")
    yield
    system.rm("/shop", recursive=True)


@pytest.mark.usefixtures("stored")
def test_a_folder_is_mirrored_and_each_file_is_read_by_its_url(predictor: Predictor, tmp_path: Path) -> None:
    passed_over: PassedOver = {}
    tasks = plan(["memory://shop"], tmp_path / "out", passed_over)
    outcomes = list(run(predictor, tasks, tmp_path / "out", ("mask",)))
    made = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*_mask.png"))
    assert made == ["a_mask.png", "sub/a_mask.png", "sub/b_mask.png"]
    problems = [str(outcome.problem) for outcome in outcomes if outcome.problem is not None]
    assert [problem.partition(": Invalid")[0] for problem in problems] == [
        "memory://shop/broken.jpg: expected an image, got text",
        "memory://shop/clip.mp4: a damaged video, or another file",
    ]
    assert passed_over == {"raw photos": ["memory://shop/d.nef"]}
    again = list(run(predictor, tasks, tmp_path / "out", ("mask",)))
    assert [outcome.skipped for outcome in again] == [outcome.problem is None for outcome in outcomes]


@pytest.mark.usefixtures("stored")
def test_pictures_of_equal_names_differ_in_the_files_about_all(predictor: Predictor, tmp_path: Path) -> None:
    inputs, kinds = ["memory://shop/a.png", "memory://shop/sub"], ["coco", "cvat", "csv"]
    segment_folder(inputs, tmp_path / "out", predictor, kinds)
    named = ["a.png", "a_png.png", "b.PNG"]
    images = json.loads((tmp_path / "out/coco.json").read_text())["images"]
    assert [image["file_name"] for image in images] == named
    rows = (tmp_path / "out/regions.csv").read_text().splitlines()[1:]
    assert [row.partition(",")[0] for row in rows] == named
    segment_folder("memory://shop", tmp_path / "deep", predictor, ["coco"])
    images = json.loads((tmp_path / "deep/coco.json").read_text())["images"]
    assert [image["file_name"] for image in images] == ["a.png", "sub/a.png", "sub/b.PNG"]


def test_files_of_an_archive_are_found_and_read(predictor: Predictor, tmp_path: Path) -> None:
    """fsspec itself forgets in which archive, or on which host, a file was found."""
    file = io.BytesIO()
    Image.new("RGB", (6, 4), (255, 0, 0)).save(file, "PNG")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("in/a.png", file.getvalue())
        archive.writestr("in/b.png", b"words")
    at = f"::file://{tmp_path}/x.zip"
    tasks = plan([f"zip://in{at}"], tmp_path / "out", allow_private_urls=True)
    assert [task.path for task in tasks] == [f"zip://in/a.png{at}", f"zip://in/b.png{at}"]
    first, second = run(predictor, tasks, tmp_path / "out", ("mask",))
    assert first.areas[0].name == "red"
    assert str(second.problem) == f"zip://in/b.png{at}: expected an image, got text"
    (task,) = plan([f"zip://in/a.png{at}"], tmp_path / "out", allow_private_urls=True)
    assert [outcome.skipped for outcome in run(predictor, [task], tmp_path / "out", ("mask",))] == [True]


@pytest.mark.usefixtures("stored")
def test_one_file_is_read_whatever_its_ending(predictor: Predictor, tmp_path: Path) -> None:
    assert predictor("memory://shop/a.png").areas()[0].name == "red"
    (task,) = plan(["memory://shop/notes.txt"], tmp_path / "out")
    assert task.problem is None
    with pytest.raises(ImageError, match=r"memory://shop/notes\.txt: expected an image, got text"):
        predictor("memory://shop/notes.txt")


@pytest.mark.usefixtures("stored")
def test_what_is_missing_or_too_large_is_named(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in ("memory://shop/none.png", "memory://nothing"):
        (task,) = plan([url], tmp_path / "out")
        assert str(task.problem) == f"{url}: no such file or folder, or it is empty"
        with pytest.raises(ImageError, match="no such file or folder"):
            predictor(url)
    monkeypatch.setattr(cloud, "MOST_BYTES", 20)
    with pytest.raises(ImageError, match=r"memory://shop/a\.png: expected at most 0 MB, got more"):
        predictor("memory://shop/a.png")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/hostname", "local:///etc/hostname", "ftp://127.0.0.1/a.png", "sftp://127.0.0.1/a.png",
        "simplecache::file:///etc/hostname", "zip://a.png::file:///x.zip", "memory://a.png::file:///x.zip",
        "data://a", "unheard-of://a",
    ],
)  # fmt: skip
def test_other_schemes_and_chains_are_refused_unless_allowed(
    url: str, predictor: Predictor, tmp_path: Path
) -> None:
    (task,) = plan([url], tmp_path / "out")
    assert task.problem is not None
    assert "not read" in str(task.problem) or "no such file" in str(task.problem)
    if "://" in url.partition("::")[0]:
        with pytest.raises(ImageError, match="--allow-private-urls"):
            predictor(url)


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(
        ImageError, match=r'fsspec, which is not installed\nhint: pip install "pixelwise\[cloud\]"'
    ):
        Store("s3://bucket/a.png")


def test_a_scheme_whose_package_is_missing_or_unknown_is_named() -> None:
    with pytest.raises(ImageError, match="unheard-of"):
        Store("unheard-of://a", allow_private=True)


@pytest.mark.usefixtures("stored")
def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    system = fsspec.filesystem("memory")
    for name in ("a.txt", "b.nef"):
        system.pipe(f"/shop/words/{name}", b"words")
    (task,) = plan(["memory://shop/words"], tmp_path / "out")
    assert str(task.problem).startswith("memory://shop/words: no pictures in this folder")


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("a/b.png", "a/b.png"),
        ("a\\b.png", "a/b.png"),
        ("/a//b.png", "a/b.png"),
        ("C:\\x.png", "C_/x.png"),
        ("C:x.png", "C_x.png"),
        ("\\\\host\\share\\x.png", "host/share/x.png"),
        ("..\\x.png", None),
        ("a/../../x.png", None),
        ("a\\..\\..\\x.png", None),
        ("a/ .. /x.png", None),
        (".cache/x.png", None),
        ("", None),
    ],
)
def test_results_of_a_key_stay_in_the_output_folder(key: str, place: str | None) -> None:
    found = place_of(key)
    assert (None if found is None else found.as_posix()) == place
    if found is not None:
        for system in (PurePosixPath, PureWindowsPath):
            parts = system(str(found)).parts
            assert ".." not in parts and not system(str(found)).is_absolute()
            assert system("out", *found.parts).parts == ("out", *parts)


@pytest.mark.usefixtures("stored")
def test_a_file_whose_name_leads_elsewhere_gets_a_plain_one(tmp_path: Path) -> None:
    system = fsspec.filesystem("memory")
    system.pipe("/shop/..\\..\\x.png", system.cat("/shop/a.png"))
    (task,) = plan(["memory://shop/..\\..\\x.png"], tmp_path / "out")
    assert (task.problem, str(task.stem)) == (None, "x")
    assert {str(task.stem) for task in plan(["memory://shop"], tmp_path / "out")} == {
        *("a", "broken", "clip", "sub/a", "sub/b")
    }
