"""Depth and HHA beside pictures: what is read, what is missing, what makes results old."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.inference.sources.partners import Partners


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (6, 4), (10, 20, 30)).save(tmp_path / "a.jpg", quality=100)
    (tmp_path / "depth").mkdir()
    return tmp_path / "a.jpg"


def save_depth(picture: Path, millimetres: int, size: tuple[int, int] = (4, 6)) -> None:
    Image.fromarray(np.full(size, millimetres, np.uint16)).save(picture.parent / "depth/a.png")


def partners(picture: Path, millimetres: bool = True) -> Partners:
    return Partners.of({"depth": picture.parent / "depth"}, millimetres)


def test_whole_millimetres_become_logarithms_where_the_training_had_them_so(picture: Path) -> None:
    save_depth(picture, 2500)
    stacked = partners(picture).stacked(picture, ("image", "depth"))
    assert stacked.shape == (4, 6, 4)
    assert stacked[2, 3, 3] == pytest.approx(np.log(2500))
    assert abs(stacked[2, 3, :3] - [10, 20, 30]).max() <= 2
    assert partners(picture, False).stacked(picture, ("depth",))[0, 0, 0] == 2500


def test_floats_of_npy_are_taken_unchanged(picture: Path) -> None:
    np.save(picture.parent / "depth/a.npy", np.full((4, 6), 7.5, np.float32))
    assert (partners(picture).stacked(picture, ("depth",)) == 7.5).all()


def test_a_missing_file_names_picture_and_folder(picture: Path) -> None:
    with pytest.raises(DataError, match=r"a\.jpg has no depth: .*depth holds no file called a") as caught:
        partners(picture).stacked(picture, ("image", "depth"))
    assert "--depth" in str(caught.value.hint)


def test_another_size_names_both_files_and_sizes(picture: Path) -> None:
    save_depth(picture, 1000, (6, 4))
    with pytest.raises(DataError, match=r"a\.png is 4 x 6 pixels, its picture .*a\.jpg 6 x 4"):
        partners(picture).stacked(picture, ("image", "depth"))


def test_a_file_in_place_of_the_folder_and_two_files_of_one_name_are_refused(picture: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        Partners.of({"hha": picture})
    save_depth(picture, 1)
    np.save(picture.parent / "depth/a.npy", np.zeros((4, 6)))
    with pytest.raises(DataError, match="differ only in their ending"):
        partners(picture)


def test_pictures_of_one_name_do_not_share_a_file(picture: Path) -> None:
    save_depth(picture, 1000)
    other = picture.parent / "other/a.jpg"
    other.parent.mkdir()
    other.write_bytes(picture.read_bytes())
    depth = partners(picture)
    depth.stacked(picture, ("depth",))
    depth.stacked(picture, ("depth",))
    with pytest.raises(DataError, match=r"other/a\.jpg and .*a\.jpg would share the depth .*depth/a\.png"):
        depth.stacked(other, ("depth",))


def test_a_finished_picture_that_is_not_read_again_keeps_its_file(picture: Path) -> None:
    save_depth(picture, 1000)
    other = picture.parent / "other/a.jpg"
    other.parent.mkdir()
    other.write_bytes(picture.read_bytes())
    depth = partners(picture)
    assert depth.state(picture) == depth.state(picture)
    with pytest.raises(DataError, match="would share the depth"):
        depth.state(other)
    with pytest.raises(DataError, match="would share the depth"):
        depth.stacked(other, ("depth",))


def test_the_state_changes_with_the_file(picture: Path) -> None:
    save_depth(picture, 1000)
    before = partners(picture).state(picture)
    assert before == partners(picture).state(picture)
    save_depth(picture, 1001)
    assert before != partners(picture).state(picture)
