"""Labels reduced and enlarged again, by hand and against the paper's figures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.types import VOID, Labels
from pixelwise.data import open_dataset
from pixelwise.evaluation.upper_bound import CONVENTIONS, FACTORS, Convention, resampled, upper_bounds

SEG11VALID = Path(__file__).parents[3] / "shared/data/voc_seg11valid"


def row(*ids: int) -> Labels:
    return np.array([ids], np.uint8)


def test_a_cell_takes_its_middle_its_first_or_its_most_frequent_pixel() -> None:
    labels = row(1, 2, 3, 3, 5, 4)  # cells of 4 pixels: (1, 2, 3, 3) and (5, 4), cut off
    assert resampled(labels, 4, "centre", "nearest", True).tolist() == [[3, 3, 3, 3, 4, 4]]
    assert resampled(labels, 4, "corner", "nearest", True).tolist() == [[1, 1, 1, 1, 5, 5]]
    assert resampled(labels, 4, "majority", "nearest", True).tolist() == [[3, 3, 3, 3, 4, 4]]


def test_rows_are_reduced_as_columns_are() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (7, 9)).astype(np.uint8)
    for convention in CONVENTIONS:
        way = convention.reduce, convention.enlarge, convention.void != "no vote"
        assert np.array_equal(resampled(labels, 3, *way).T, resampled(labels.T, 3, *way))


def test_bilinear_gives_each_pixel_the_id_of_the_nearer_cell_and_of_agreeing_neighbours() -> None:
    # Sampled at the first pixels 0, 4, 8: ids 1, 1, 2. Pixel 6 is midway; the smaller id wins.
    labels = row(1, 0, 0, 0, 1, 0, 0, 0, 2, 0)
    assert resampled(labels, 4, "corner", "bilinear", True).tolist() == [[1, 1, 1, 1, 1, 1, 1, 2, 2, 2]]
    # Cells of 4 whose middles lie at 1.5 and 5.5: up to 3 the first is nearer.
    labels = row(0, 0, 1, 0, 0, 0, 2, 0)
    assert resampled(labels, 4, "centre", "bilinear", True).tolist() == [[1, 1, 1, 1, 2, 2, 2, 2]]
    # Two weak neighbours of one id outweigh a nearer cell: at (1, 1), between 1 | 2 over 2 | 3.
    square = np.array([[1, 0, 2, 0], [0, 0, 0, 0], [2, 0, 3, 0], [0, 0, 0, 0]], np.uint8)
    assert resampled(square, 2, "corner", "bilinear", True)[1, 1] == 2  # 2 has 2/4, 1 and 3 have 1/4


def test_shares_are_antialiased_and_interpolated() -> None:
    # Halved: 4 pixels to 2 cells. Pillow's triangle of width 2 gives cell 0 weights 3/7, 3/7 and 1/7.
    labels = row(1, 2, 2, 2)
    # Shares of 1: 3/7 and 0; of 2 the rest: cell 0 is 2 already, and so is everything.
    assert resampled(labels, 2, "shares", "bilinear", True).tolist() == [[2, 2, 2, 2]]
    assert resampled(row(1, 1, 2, 2), 2, "shares", "bilinear", True).tolist() == [[1, 1, 2, 2]]
    assert resampled(row(1, 1, 1, 1, 2), 4, "shares", "bilinear", True).tolist() == [[1] * 5], "1.25 cells: 1"
    assert resampled(row(VOID, VOID, 1, VOID), 4, "shares", "bilinear", False).tolist() == [[1] * 4]


def test_the_mean_over_images_weighs_each_image_alike(tmp_path: Path) -> None:
    """One image of factor 4 keeps everything, the other loses its class 1: mean IoU 1 and (3/4 + 0) / 2."""
    (tmp_path / "SegmentationClass").mkdir()
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/val.txt").write_text("a\nb\n")
    for name, labels in (("a", np.zeros((4, 40), np.uint8)), ("b", row(0, 0, 0, 1).repeat(4, 0))):
        Image.fromarray(labels).save(tmp_path / f"SegmentationClass/{name}.png")
    by_images = Convention("shares", "bilinear", "a miss", "images")
    pooled = Convention("shares", "bilinear", "a miss")
    bounds = upper_bounds(open_dataset(f"voc:{tmp_path}", "val"), (4,), (by_images, pooled))
    assert bounds[by_images] == pytest.approx([(1 + 3 / 8) / 2])
    assert bounds[pooled] == pytest.approx([(172 / 176) / 2])


def test_void_votes_or_not() -> None:
    labels = row(VOID, VOID, VOID, 1)
    assert resampled(labels, 4, "majority", "nearest", True).tolist() == [[VOID] * 4]
    assert resampled(labels, 4, "majority", "nearest", False).tolist() == [[1] * 4]
    nothing = row(VOID, VOID)
    assert resampled(nothing, 2, "majority", "bilinear", False).tolist() == [[VOID] * 2]


@pytest.mark.parametrize("convention", CONVENTIONS, ids=str)
def test_factor_1_changes_nothing(convention: Convention) -> None:
    labels = np.random.default_rng(0).choice([0, 1, 2, VOID], (6, 7)).astype(np.uint8)
    way = convention.reduce, convention.enlarge, convention.void != "no vote"
    assert np.array_equal(resampled(labels, 1, *way), labels)


@pytest.fixture
def voc(tmp_path: Path) -> str:
    """One label file of a row: 0 0 1 1 void void, without its photo."""
    (tmp_path / "SegmentationClass").mkdir()
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/val.txt").write_text("a\n")
    Image.fromarray(row(0, 0, 1, 1, VOID, 1)).save(tmp_path / "SegmentationClass/a.png")
    return f"voc:{tmp_path}"


def test_void_is_left_out_or_a_miss_and_photos_are_not_needed(voc: str) -> None:
    told: list[int] = []
    bounds = upper_bounds(open_dataset(voc, "val"), (2,), progress=told.append)
    assert told == [1]
    # Corner: cells (0 0) (1 1) (void 1) take 0, 1, void: the last pixel is left out, or a miss of class 1.
    assert bounds[Convention("corner", "nearest", "left out")] == [1]
    assert bounds[Convention("corner", "nearest", "a miss")] == pytest.approx([(1 + 2 / 3) / 2])
    # Centre: the last cell takes its 1, and all is right; majority: void and 1 tie, the smaller id wins.
    assert bounds[Convention("centre", "nearest", "a miss")] == [1]
    assert bounds[Convention("majority", "nearest", "no vote")] == [1]


def test_conventions_differ_and_have_names_of_their_own() -> None:
    assert len({str(convention) for convention in CONVENTIONS}) == len(CONVENTIONS) == 20
    assert str(CONVENTIONS[0]) == "centre, nearest, void left out, over pixels"


def test_a_factor_below_1_is_refused(voc: str) -> None:
    with pytest.raises(ValueError, match="at least 1 pixel, got 0"):
        upper_bounds(open_dataset(voc, "val"), (0,))


@pytest.mark.skipif(not SEG11VALID.is_dir(), reason="VOC 2011's seg11valid labels are not on this machine")
def test_a_tenth_of_seg11valid_shows_the_paper_s_order_of_magnitude(tmp_path: Path) -> None:
    (tmp_path / "SegmentationClass").symlink_to(SEG11VALID / "SegmentationClass")
    (tmp_path / "lists").mkdir()
    ids = (SEG11VALID / "ids.txt").read_text().split()[::16]
    assert len(ids) == 46
    (tmp_path / "lists/val.txt").write_text("\n".join(ids))
    convention = Convention("centre", "bilinear", "no vote")
    bounds = upper_bounds(open_dataset(f"voc:{tmp_path}", "val"), FACTORS, (convention,))[convention]
    assert (np.diff(bounds) > 0).all()
    assert 100 * bounds[2] == pytest.approx(86.1, abs=5)
    assert 100 * bounds[5] == pytest.approx(98.5, abs=2)
