"""Styles of overlays and cutouts: opacity, legends, backgrounds, confidence maps."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from tiny_model import CLASSES

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.reading import Encoded
from pixelwise.inference import Cleaning, Predictor, Segmentation, Style
from pixelwise.inference.probabilities import NOTHING_FOUND
from pixelwise.inference.results.tints import tints

GREY = 128


def segmentation(scores: np.ndarray, size: tuple[int, int] = (400, 600)) -> Segmentation:
    """Of a grey photo, whose scores are known on a small grid."""
    photo = np.full((*size, 3), GREY, np.uint8)
    return Segmentation(scores.astype(np.float32), size, CLASSES, photo, lambda: photo)


def halves(size: tuple[int, int] = (400, 600)) -> Segmentation:
    """Left half background, right half red."""
    scores = np.zeros((4, 4, 6))
    scores[0, :, :3] = scores[1, :, 3:] = 50
    return segmentation(scores, size)


def nothing() -> Segmentation:
    scores = np.zeros((4, 4, 6))
    scores[0] = 50
    return segmentation(scores)


def pixel(picture: Image.Image, row: int, column: int) -> list[int]:
    return [int(value) for value in np.asarray(picture)[row, column]]


def test_the_style_of_a_result_decides_opacity_and_legend() -> None:
    result = halves()
    result.style = Style(opacity=0.25, legend=False)
    drawn = result.overlay(outlines=False)
    assert drawn.size == (600, 400)
    red = tints(CLASSES)[1]
    assert pixel(drawn, 200, 500) == pytest.approx([0.75 * GREY + 0.25 * channel for channel in red], abs=1)
    assert pixel(result.overlay(opacity=1, outlines=False), 200, 500) == list(red), "an argument goes first"
    assert result.overlay(legend=True).height > 400


def test_cleaned_and_rescored_results_keep_their_style() -> None:
    result = halves()
    result.style = Style(0.1)
    assert result.cleaned(Cleaning(largest=True)).style == result.rescored(result.scores).style == Style(0.1)


def test_a_predictor_hands_its_style_on_and_is_told_apart(predictor: Predictor) -> None:
    styled = predictor.with_style(Style(legend=False))
    assert styled(np.zeros((8, 8, 3), np.uint8)).style == Style(legend=False)
    assert predictor(np.zeros((8, 8, 3), np.uint8)).style == Style()
    assert predictor.identity != styled.identity != predictor.with_style(Style(0.5)).identity
    assert predictor.with_style(Style()) is predictor


def test_nothing_found_is_said_in_words() -> None:
    assert NOTHING_FOUND in nothing().notes() and NOTHING_FOUND not in halves().notes()
    said, plain = nothing().overlay(), nothing().overlay(legend=False)
    legend = np.asarray(said)[plain.height :]
    assert (legend.min(2) > 200).any(), "letters"
    assert not any((legend == tint).all(2).any() for tint in tints(CLASSES)[1:]), "no swatch of a class"


def test_frames_of_videos_have_a_legend_of_one_size_if_asked_for() -> None:
    one, other = halves(), nothing()
    assert one.frame().size == other.frame().size == (600, 400)
    one.style = other.style = Style(legend=True)
    assert one.frame().size == other.frame().size and one.frame().height > 400
    shown = [np.asarray(result.frame())[400:] for result in (one, other)]
    red = tints(CLASSES)[1]
    filled, framed = (int((panel == red).all(2).sum()) for panel in shown)
    assert filled > 3 * framed > 0, "only the frame's outline of a class that is not there"


def test_a_cutout_stands_on_the_colour() -> None:
    drawn = halves((40, 60)).cutout("#20c0a0")
    assert drawn.mode == "RGB"
    assert pixel(drawn, 20, 10) == [0x20, 0xC0, 0xA0] and pixel(drawn, 20, 50) == [GREY] * 3


def test_a_picture_behind_covers_the_photo_and_is_cropped_around_its_middle(tmp_path: Path) -> None:
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:16], stripes[-16:] = (255, 0, 0), (0, 0, 255)  # cut off, since 60x40 is wider than a square
    stripes[16:-16] = (0, 200, 0)
    Image.fromarray(stripes).save(tmp_path / "behind.png")
    drawn = halves((40, 60)).cutout(tmp_path / "behind.png")
    assert drawn.size == (60, 40)
    assert all(pixel(drawn, row, 5) == pytest.approx([0, 200, 0], abs=12) for row in (1, 20, 38))


def test_a_blurred_background_has_no_rim_of_the_object() -> None:
    """Left half white, right half black and the object: beside the edge the background stays white."""
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[:, :150] = 255
    scores = np.zeros((4, 4, 6), np.float32)
    scores[0, :, :3] = scores[1, :, 3:] = 50
    result = Segmentation(scores, (200, 300), CLASSES, photo, lambda: photo)
    drawn = np.asarray(result.cutout("blur"))
    assert drawn[100, 140].min() > 245
    assert drawn[100, 160].max() < 10


def test_a_blurred_background_is_blurred() -> None:
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[:, :140:2] = 255  # stripes
    scores = np.zeros((4, 4, 6), np.float32)
    scores[0, :, :3] = scores[1, :, 3:] = 50
    result = Segmentation(scores, (200, 300), CLASSES, photo, lambda: photo)
    drawn = np.asarray(result.cutout("blur")).astype(int)[50:150, 20:100]
    assert np.abs(np.diff(drawn[..., 0], axis=1)).max() < 10 and 100 < drawn.mean() < 155


@pytest.mark.parametrize("wrong", ["", "green", "#12345", "#1234567", "#ggg000", "no/such.jpg"])
def test_a_wrong_background_is_refused_with_what_there_is(wrong: str) -> None:
    with pytest.raises(ValueError, match="transparent, blur, a colour such as #ff8800 or a picture file"):
        Style(background=wrong)


def test_a_background_that_is_not_a_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("hello")
    with pytest.raises(ImageError, match="expected an image"):
        Style(background=tmp_path / "x.png")


def test_another_picture_under_one_name_is_another_style(tmp_path: Path) -> None:
    path = tmp_path / "behind.png"
    Image.new("RGB", (4, 4)).save(path)
    before, status = str(Style(background=path)), path.stat()
    path.touch()
    assert str(Style(background=path)) == before
    Image.new("RGB", (4, 4), (255, 0, 0)).save(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as copies that keep their times
    assert str(Style(background=path)) != before


def test_confidence_is_dark_violet_at_none_and_yellow_at_full() -> None:
    result = halves()
    drawn = result.confidence_map()
    assert pixel(drawn, 200, 100) == pytest.approx([253, 231, 37], abs=2), "sure"
    assert pixel(drawn, 200, 300)[1] < 200, "unsure between the halves"
    bare = halves()
    bare.style = Style(legend=False)
    assert bare.confidence_map().size == (600, 400) and drawn.height > 400, "the scale"
    red_alone = result.cleaned(Cleaning(only=("green",)))
    assert pixel(red_alone.confidence_map(), 200, 500) == [68, 1, 84], "changed by cleaning"


def test_small_pictures_are_enlarged_if_there_is_something_to_read_below_them() -> None:
    result = halves((6, 8))
    assert result.confidence_map().width == result.overlay().width == 320
    result.style = Style(legend=False)
    assert result.confidence_map().size == result.overlay().size == (8, 6)


def test_uncertainty_is_one_minus_the_mean_confidence() -> None:
    scores = np.zeros((4, 1, 2))
    scores[0, 0, 0] = 100  # one pixel is sure, the other is not: 1/4 for each class
    result = segmentation(scores, (1, 2))
    assert result.uncertainty() == pytest.approx(1 - (1 + 1 / 4) / 2)
    assert result.uncertainty() == pytest.approx(1 - float(result.confidence().mean()))


def test_overlays_and_cutouts_have_the_colour_profile_of_the_photo(
    predictor: Predictor, tmp_path: Path
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = profile[:16] + b"GRAY" + profile[20:]
    photo = Image.new("RGB", (40, 30), (250, 0, 0))
    for ending, given, kept in (("jpg", profile, profile), ("png", profile, profile), ("png", grey, None)):
        path = tmp_path / f"photo.{ending}"
        photo.save(path, icc_profile=given)
        result = predictor(path)
        saved = result.save(tmp_path / "made", ["mask", "overlay", "cutout", "confidence"])
        found = {
            kind: Image.open(io.BytesIO(file.read_bytes())).info.get("icc_profile")
            for kind, file in saved.items()
        }
        assert found == {"mask": None, "overlay": kept, "cutout": kept, "confidence": None}
        content = predictor(Encoded(path.read_bytes()))
        assert content.overlay().info.get("icc_profile") == kept
        path.unlink()
        assert "icc_profile" not in result.overlay().info


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"opacity": "0.3"}, "a share from 0 to 1, got '0.3'"),
        ({"opacity": True}, "a share from 0 to 1, got True"),
        ({"legend": "yes"}, "legend is True, False or None, got 'yes'"),
        ({"background": None}, "the background of a cutout is .*None is none of these"),
        ({"background": (1, 2, 3)}, r"\(1, 2, 3\) is none of these"),
    ],
)
def test_values_of_another_type_are_refused(arguments: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Style(**arguments)


def test_truth_values_of_numpy_are_truth_values() -> None:
    legend: Any = np.bool_(False)
    assert Style(legend=legend).legend is False
