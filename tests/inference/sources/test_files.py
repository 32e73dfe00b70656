"""Which files a command finds: patterns as in a shell, links that lead in circles, hidden names."""

import inspect
import sys
from pathlib import Path

import pytest

from pixelwise.inference.segment_files import made_output
from pixelwise.inference.sources.files import PassedOver, find_pictures, matching
from pixelwise.inference.sources.tasks import plan


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.jpg", ".h.png", "s/c.png", "s/t/d.png", "s/.g/e.png", "u[1]/f.png", "s/t/g.jpg"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.png", ["a.png"]),
        ("?.[pj]*g", ["a.png", "b.jpg"]),
        (".*.png", [".h.png"]),
        ("*/*.png", ["s/c.png", "u[1]/f.png"]),
        ("u[[]1]/*", ["u[1]/f.png"]),
        ("s/.g/*", ["s/.g/e.png"]),
        ("**/*.png", ["a.png", "s/c.png", "s/t/d.png", "u[1]/f.png"]),
        ("**/t/*", ["s/t/d.png", "s/t/g.jpg"]),
        ("**/**/t/**/d.png", ["s/t/d.png"]),
        ("s/**", ["s/c.png", "s/t", "s/t/d.png", "s/t/g.jpg"]),
        ("*.nothing", []),
        ("a.png/*", []),
        ("missing/*", []),
    ],
)
@pytest.mark.parametrize("absolute", [False, True])
def test_patterns_match_as_in_a_shell(pattern: str, names: list[str], absolute: bool, tree: Path) -> None:
    root = tree / "in" if absolute else Path("in")
    assert [str(path.relative_to(root)) for path in matching(root / pattern)] == names


def test_links_in_circles_neither_end_a_pattern_never_nor_repeat_a_picture(tree: Path) -> None:
    for index in range(12):  # followed, they would give 12 to the power of 40 ways
        (tree / "in" / f"round{index}").symlink_to(".")
        (tree / "in" / "s" / f"up{index}").symlink_to("..")
    found = [str(path) for path in matching(Path("in/**/*.png"))]
    assert found == ["in/a.png", "in/s/c.png", "in/s/t/d.png", "in/u[1]/f.png"]
    walked = [str(entry.path) for entry in find_pictures(["in", "in/**/*.png"], tree / "out")]
    assert sorted(walked) == sorted([*found, "in/b.jpg", "in/s/t/g.jpg"])


def test_a_link_that_a_pattern_names_is_followed(tree: Path) -> None:
    (tree / "in" / "link").symlink_to("s")
    assert [str(path) for path in matching(Path("in/l*/*.png"))] == ["in/link/c.png"]


def test_a_tree_deeper_than_pythons_stack_is_searched(tree: Path) -> None:
    deep = Path("d/" * 150)
    deep.mkdir(parents=True)
    (deep / "x.png").touch()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)  # a deeper tree could not be removed by pytest
    try:
        matches = matching(Path("d/**/x.png"))
        found = find_pictures(["d"], tree / "out")
    finally:
        sys.setrecursionlimit(limit)
    assert matches == [entry.path for entry in found] == [deep / "x.png"]


def test_videos_are_found_only_if_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.mp4", "c.MOV"):
        (tmp_path / name).touch()

    def names(**options: bool) -> list[str]:
        found = find_pictures([tmp_path], tmp_path / "out", passed_over, **options)
        return [Path(entry.path).name for entry in found]

    passed_over: PassedOver = {}
    assert names() == ["a.png"]
    assert {kind: len(paths) for kind, paths in passed_over.items()} == {"videos": 2}
    monkeypatch.setattr("pixelwise.inference.sources.files.videos_are_read", lambda: True)
    assert names(videos=True) == ["a.png", "b.mp4", "c.MOV"]
    monkeypatch.setattr("pixelwise.inference.sources.files.videos_are_read", lambda: False)
    assert names(videos=True) == ["a.png"]


def test_an_empty_text_is_not_the_current_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    (task,) = plan([""], tree / "out")
    assert task.problem is not None and "got an empty text" in task.problem.message
    assert plan(["."], tree / "out")[0].problem is None


@pytest.mark.parametrize("given", ["", "."])
def test_a_current_folder_without_pictures_is_named(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tasks = plan([given], tmp_path / "out")
    made_output(tasks, tmp_path / "out")
    assert [task.problem is None for task in tasks] == [False]
