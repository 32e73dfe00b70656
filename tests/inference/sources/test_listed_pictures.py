"""The pictures of a list: --list of `segment`, on this machine and on a cluster, and of `gallery`."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from label_files import write_label, write_photo

from pixelwise import segment_folder
from pixelwise.core.errors import DataError, ImageError, PixelwiseError
from pixelwise.data import open_dataset
from pixelwise.distributed.pictures import planned
from pixelwise.distributed.stages import Plan
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.cleaning import AS_IS
from pixelwise.inference.results.kind import Saving
from pixelwise.inference.results.style import USUAL
from pixelwise.inference.sources.tasks import listed, plan
from pixelwise.workflows import drawing, gallery


def chosen(folder: Path, text: str, *others: Path) -> list[str]:
    """The pictures that the list names, by their paths below the folder."""
    (folder.parent / "list.txt").write_text(text)
    tasks = listed(plan([folder, *others], folder.parent / "out"), folder.parent / "list.txt")
    return [Path(task.path).relative_to(folder).as_posix() for task in tasks]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("my cat.jpg", "my.jpg", "cat.jpg", "a/0.jpg", "b/0.jpg", "b/1.jpg", "c/2.jpg", "c/2.png"):
        write_photo(tmp_path / "photos" / name, 2, 2)
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("text", "pictures"),
    [
        ("my cat\n", ["my cat.jpg"]),
        ("my cat\r\n1\r\n", ["my cat.jpg", "b/1.jpg"]),
        ("cat my", ["cat.jpg", "my.jpg"]),
        ("\ufeffa/0\n", ["a/0.jpg"]),
        ("a/0.jpg\nb/1", ["a/0.jpg", "b/1.jpg"]),
        ("1.jpg", ["b/1.jpg"]),
        ("c/2.png", ["c/2.png"]),
    ],
)
def test_a_line_is_an_id_if_there_is_such_a_picture_else_its_words_are(
    photos: Path, text: str, pictures: list[str]
) -> None:
    assert chosen(photos, text) == pictures


@pytest.mark.parametrize(
    ("id_", "first", "second"), [("0", "a/0.jpg", "b/0.jpg"), ("c/2", "c/2.jpg", "c/2.png")]
)
def test_an_id_of_several_pictures_is_refused_with_both(
    photos: Path, id_: str, first: str, second: str
) -> None:
    with pytest.raises(ImageError, match=rf'"{id_}", which may be .*{first} or .*{second}\n.*path below'):
        chosen(photos, id_)


def test_a_picture_at_the_top_is_named_apart_from_others_of_its_name(photos: Path) -> None:
    write_photo(photos / "0.jpg", 2, 2)
    assert chosen(photos, "0") == ["0.jpg"]


def test_of_several_folders_a_whole_path_tells_pictures_apart(photos: Path) -> None:
    with pytest.raises(ImageError, match='lists "0", which may be'):
        chosen(photos / "a", "0", photos / "b")
    for whole in (photos / "a/0", photos / "a/0.jpg"):
        assert chosen(photos / "a", f"{whole}", photos / "b") == ["0.jpg"]


def of_segment(folder: Path, ids: Path, predictor: Predictor) -> Sequence[str]:
    done = segment_folder(folder / "images", folder / "out", predictor, ["mask"], ids=ids)
    return [Path(outcome.path).stem for outcome in done.outcomes]


def of_cluster(folder: Path, ids: Path, predictor: Predictor) -> Sequence[str]:
    job = Plan("default", {}, str(folder / "out"), ("mask",), AS_IS, USUAL, Saving(), False)
    return [Path(task.path).stem for task in planned(folder / "images", job, ids, {})]


def of_gallery(folder: Path, ids: Path, predictor: Predictor) -> Sequence[str]:
    shown: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            drawing, "model_gallery", lambda models, data, crf: shown.extend(e.id for e in data.entries)
        )
        gallery([predictor], f"folder:{folder}", "all", ids=ids)
    return shown


def of_data(folder: Path, ids: Path, predictor: Predictor) -> Sequence[str]:
    return [entry.id for entry in open_dataset(f"folder:{folder}", "all", ids=ids).entries]


@pytest.mark.parametrize("pictures_of", [of_segment, of_cluster, of_gallery, of_data])
def test_ids_with_blanks_are_ids_in_every_list(
    tmp_path: Path, predictor: Predictor, pictures_of: Callable[[Path, Path, Predictor], Sequence[str]]
) -> None:
    for name in ("p 0", "p 1", "p"):
        write_photo(tmp_path / f"images/{name}.png", 1, 2)
        write_label(tmp_path / f"labels/{name}.png", [[0, 1]])
    (tmp_path / "classes.txt").write_text("background\nred\ngreen\nblue\n")
    (tmp_path / "ids.txt").write_text("p 1\n")
    assert pictures_of(tmp_path, tmp_path / "ids.txt", predictor) == ["p 1"]
    (tmp_path / "ids.txt").write_text("p 1\nq\n")
    with pytest.raises(PixelwiseError, match="such as q"):
        pictures_of(tmp_path, tmp_path / "ids.txt", predictor)
    (tmp_path / "ids.txt").write_text("\n")
    with pytest.raises(DataError, match=r"ids.txt is empty\nhint: write one id per line"):
        pictures_of(tmp_path, tmp_path / "ids.txt", predictor)
