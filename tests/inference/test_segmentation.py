"""Results: numbers, pictures, files."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_model import CLASSES

from pixelwise.core import files
from pixelwise.core.classes import Classes, voc_palette
from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.label_pictures import mask
from pixelwise.inference import segmentation
from pixelwise.inference.probabilities import Area, uncertainty
from pixelwise.inference.results import kinds
from pixelwise.inference.results.cleaning import Cleaning
from pixelwise.inference.results.drawing import line_width
from pixelwise.inference.results.tints import tints
from pixelwise.inference.segmentation import Segmentation


def halves(size: tuple[int, int] = (40, 60), classes: Classes = CLASSES) -> Segmentation:
    """Left half background, right half red, on a grey photo; scored at (4, 6)."""
    scores = np.zeros((4, 4, 6), np.float32)
    scores[0, :, :3] = scores[1, :, 3:] = 5
    original = np.full((*size, 3), 128, np.uint8)
    return Segmentation(scores, size, classes, original[:4, :6], lambda: original)


def test_areas_are_shares_sorted_by_size() -> None:
    scores = np.zeros((4, 2, 5), np.float32)
    scores[2, :, :4] = scores[1, :, 4:] = 2
    sure = np.exp(2) / (np.exp(2) + 3)
    result = Segmentation(scores, (2, 5), CLASSES, np.zeros((2, 5, 3), np.uint8))
    green, red = result.areas()
    assert green == Area(2, "green", 0.8, green.confidence)
    assert red == Area(1, "red", 0.2, red.confidence)
    assert [green.confidence, red.confidence] == pytest.approx([sure, sure], abs=1e-5)
    assert repr(result) == "<Segmentation 2x5: green 80%, red 20%>"


def test_a_class_of_few_pixels_is_not_printed_as_nothing() -> None:
    assert [Area(1, "x", share, 1.0).per_cent for share in (0.541, 0.0006, 0.0004)] == [
        "54.1%",
        "0.1%",
        "<0.1%",
    ]


def test_a_net_that_is_sure_of_all_pixels_is_not_uncertain_whatever_rounding_does() -> None:
    areas = [Area(id_, "x", 1 / 10, 1.0) for id_ in range(5)] + [Area(5, "y", 0.5000000000000002, 1.0)]
    assert sum(area.area for area in areas) > 1
    assert uncertainty(areas) == 0


def test_probabilities_sum_to_one_and_agree_with_labels() -> None:
    result = halves()
    np.testing.assert_allclose(result.probabilities.sum(0), 1, atol=1e-5)
    assert (result.probabilities.argmax(0) == result.labels).all()


def test_scores_must_fit_the_classes() -> None:
    with pytest.raises(ValueError, match=r"expected scores \(4, h, w\) for 4 classes, got \(3, 2, 2\)"):
        Segmentation(np.zeros((3, 2, 2), np.float32), (2, 2), CLASSES, np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize(
    ("scores", "complaint"),
    [
        (np.zeros((4, 6), np.float32), r"expected scores \(4, h, w\) for 4 classes, got \(4, 6\)"),
        (np.zeros((4, 0, 6), np.float32), r"for 4 classes, got \(4, 0, 6\)"),
        (None, r"for 4 classes, got \(\)"),
        (np.zeros((4, 2, 2), complex), "scores are real numbers, got an array of complex128"),
        (np.zeros((4, 2, 2), str), "scores are real numbers, got an array of <U1"),
    ],
)
def test_scores_of_another_shape_or_type_are_refused(scores: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        halves().rescored(scores)
    with pytest.raises(ValueError, match=complaint):
        Segmentation(scores, (2, 2), CLASSES, np.zeros((2, 2, 3), np.uint8))


def test_scores_may_be_lists_tensors_and_numbers_of_any_real_type() -> None:
    scores = halves().scores
    for given in (scores.tolist(), torch.from_numpy(scores), scores.astype(">f8"), scores.astype(np.float16)):
        assert np.array_equal(halves().rescored(given).labels, halves().labels)


def test_a_result_that_is_rescored_keeps_the_size_at_which_the_net_scored() -> None:
    """Blended tiles of a large picture are kept on a coarser grid than that of their scores."""
    result = halves()
    result.scored_size = (40, 60)
    assert result.rescored(result.scores).scored_size == (40, 60)
    assert result.cleaned(Cleaning(fill_holes=True)).scored_size == (40, 60)
    assert result.rescored(result.scores[:, :1, :1]).scored_size == (1, 1)


def test_a_photo_that_is_drawn_on_leaves_the_result_as_it_was() -> None:
    result = halves()
    before = np.asarray(result.overlay())
    result.photo()[:] = 0
    assert np.array_equal(np.asarray(result.overlay()), before)


@pytest.mark.parametrize("size", [(0, 3), (2.5, 3), (1, 2, 3), 3, "ab", (True, 2)])
def test_probabilities_are_of_a_size_of_two_whole_numbers(size: Any) -> None:
    with pytest.raises(ValueError, match=r"a size is \(height, width\), two whole numbers from 1, got"):
        halves().probabilities_at(size)
    assert halves().probabilities_at(cast(Any, np.array([3, 5]))).shape == (4, 3, 5)


def test_rescored_results_of_one_array_keep_their_own_scores() -> None:
    """As of a running mean, whose array is updated in place."""
    mean, results = np.zeros((4, 4, 6), np.float32), []
    for best in range(3):
        mean *= 0.1
        mean[best] += 5
        results.append(halves().rescored(mean))
    assert [result.labels.max() for result in results] == [0, 1, 2]


def test_kinds_are_a_list_of_any_sort(tmp_path: Path) -> None:
    assert list(halves().save(tmp_path / "x", (kind for kind in ["mask", "overlay"]))) == ["mask", "overlay"]
    with pytest.raises(ValueError, match=r'expected a list of kinds, such as \["mask"\], got "mask"'):
        halves().save(tmp_path / "y", "mask")
    assert len(list(tmp_path.iterdir())) == 2


def test_mask_pixels_are_class_ids_in_the_classes_colors(tmp_path: Path) -> None:
    path = halves().save(tmp_path / "deep" / "x", ["mask"])["mask"]
    with Image.open(path) as picture:
        assert picture.mode == "P"
        assert (np.asarray(picture) == np.repeat([[0, 1]], 30, 1).repeat(40, 0)).all()
        assert picture.convert("RGB").getpixel((59, 0)) == (200, 0, 0)


def test_unused_ids_and_void_have_colors_too() -> None:
    picture = mask(np.array([[4, 255]], np.uint8), CLASSES).convert("RGB")
    assert [picture.getpixel((x, 0)) for x in (0, 1)] == [voc_palette()[4], (224, 224, 192)]


def test_overlay_greys_the_background_and_tints_classes() -> None:
    result = halves((400, 600))
    drawn = np.asarray(result.overlay(opacity=0.5, outlines=False, legend=False)).astype(int)
    assert drawn.shape == (400, 600, 3)
    left, right = drawn[200, 100], drawn[200, 500]
    assert left.max() - left.min() < 6
    assert left.max() < 128
    assert right.tolist() == [(128 + channel) // 2 for channel in tints(CLASSES)[1]]
    outlined = np.asarray(result.overlay(legend=False)).astype(int)
    assert outlined[200, 298:302].min(1).max() > 200  # a white line between the halves
    with pytest.raises(ValueError, match="from 0 to 1, got 2"):
        result.overlay(opacity=2)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (40, 60), (400, 600), (2000, 3000)])
def test_the_legend_is_legible_at_any_size(size: tuple[int, int]) -> None:
    drawn = halves(size).overlay()
    factor = max(1, -(-320 // max(size)))
    panel = np.asarray(drawn).astype(int)[size[0] * factor :]
    assert panel.shape[0] >= 20
    assert panel.max() > 220  # letters
    assert ((panel == tints(CLASSES)[1]).all(2)).sum() >= 80 or size == (1, 1)  # the swatch of red


def test_cutout_is_transparent_on_the_background() -> None:
    drawn = np.asarray(halves().cutout())
    assert drawn.shape == (40, 60, 4)
    assert drawn[:, :25].max() == 0
    assert drawn[:, 35:].min() == 128
    assert (drawn[:, 35:, 3] == 255).all()
    with pytest.raises(ValueError, match="needs a background class"):
        halves(classes=Classes(CLASSES.names, CLASSES.palette)).cutout()


def test_saved_probabilities_are_half_floats_with_names(tmp_path: Path) -> None:
    result = halves()
    with np.load(result.save(tmp_path / "x", ["probabilities"])["probabilities"]) as saved:
        assert saved["probabilities"].dtype == np.float16
        np.testing.assert_allclose(saved["probabilities"], result.probabilities, atol=5e-4)
        assert saved["classes"].tolist() == list(CLASSES.names)


def test_very_large_pictures_are_drawn_at_the_scored_size_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmentation, "FULL_SIZE_PIXELS", 40 * 60 - 1)
    monkeypatch.setattr(kinds, "FULL_SIZE_VALUES", 4 * 40 * 60 - 1)
    result = halves()
    save = ["mask", "overlay", "cutout", "probabilities"]
    paths = result.save(tmp_path / "x", save)
    assert result.notes(save) == [
        "scored on a copy reduced to 6x4",
        "overlay and cutout and probabilities saved at 6x4",
    ]
    with Image.open(paths["mask"]) as drawn, Image.open(paths["cutout"]) as cut:
        assert (drawn.size, cut.size) == ((60, 40), (6, 4))
    with np.load(paths["probabilities"]) as saved:
        assert saved["probabilities"].shape == (4, 4, 6)


@pytest.mark.parametrize("target", ["", ".", ".."])
def test_a_target_without_a_name_is_refused(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ValueError, match="the beginning of names"):
        halves().save(target)
    assert [path.name for path in tmp_path.rglob("*")] == ["here"]


def test_unknown_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"expected kinds among mask, overlay, cutout, confidence, probabilities, geotiff, .* got masks",
    ):
        halves().save(tmp_path / "x", ["masks"])
    with pytest.raises(ValueError, match=r"expected kinds among mask, .* got masks"):
        halves().notes(["masks"])
    with pytest.raises(ValueError, match=r'expected a list of kinds, such as \["mask"\], got None'):
        halves().save(tmp_path / "x", cast(Any, None))


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_half_written_stays_under_any_name(problem: BaseException, tmp_path: Path) -> None:
    old = tmp_path / "x.png"
    old.write_bytes(b"old")

    def fail_midway(file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise problem

    with pytest.raises(ImageError if isinstance(problem, OSError) else KeyboardInterrupt) as caught:
        files.write_atomically(old, fail_midway)
    if isinstance(problem, OSError):
        assert str(caught.value) == f"cannot write {old}: No space left on device"
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    assert old.read_bytes() == b"old"


def test_a_place_below_a_file_is_named_as_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ImageError, match=r"cannot write .*taken/result.png: "):
        files.write_atomically(tmp_path / "taken/result.png", lambda file: file.write(b""))


def test_outlines_stay_thin_in_large_pictures() -> None:
    widths = {side: line_width((side * 3 // 4, side)) for side in (100, 500, 1350, 2700, 5000, 20_000)}
    assert widths == {100: 1, 500: 1, 1350: 3, 2700: 4, 5000: 4, 20_000: 5}
