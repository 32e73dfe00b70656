"""Which images a report shows, and how it draws them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.types import VOID, Channel, Scores
from pixelwise.data import open_dataset
from pixelwise.evaluation.evaluation import evaluate
from pixelwise.evaluation.report.gallery import WRONG, chosen, error_picture, exhibits, label_picture
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.predictor import Predictor


def test_worst_median_and_best_are_chosen_once_each() -> None:
    scores = np.array([0.5, 0.1, np.nan, 0.9, 0.3, 0.7, 0.2, 0.8])
    found = [(float(scores[index]), rank) for index, rank in chosen(scores, 2)]
    assert found == [
        *((0.1, "worst"), (0.2, "worst"), (0.3, "median"), (0.5, "median"), (0.8, "best"), (0.9, "best"))
    ]


@pytest.mark.parametrize("images", range(6))
def test_small_splits_show_no_image_twice(images: int) -> None:
    found = chosen(np.arange(images) / 10)
    assert len({index for index, _ in found}) == len(found) == min(images, 3)


def test_errors_are_red_void_is_bluish_and_the_rest_grey() -> None:
    image = np.full((1, 3, 3), (200, 40, 40), np.uint8)
    drawn = np.asarray(error_picture(image, np.array([[0, 1, VOID]], np.uint8), np.zeros((1, 3), np.uint8)))
    right, wrong, void = drawn[0].astype(int)
    assert np.ptp(right) == 0
    assert wrong[0] > 1.5 * max(wrong[1:])
    assert np.abs(wrong - WRONG).max() < 60
    assert void[2] > void[0]


def test_label_pictures_keep_ids_and_show_dark_classes() -> None:
    picture = label_picture(np.array([[0, 1, VOID]], np.uint8), Classes.named(["background", "x"]))
    assert np.asarray(picture).tolist() == [[0, 1, VOID]]
    assert min(picture.convert("RGB").getpixel((0, 0))) > 50  # type: ignore[arg-type]


def test_exhibits_are_the_images_of_the_split_with_their_own_figures(
    tmp_path: Path, predictor: Predictor
) -> None:
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    (tmp_path / "classes.txt").write_text("background\nred\ngreen\nblue\n")
    for index in range(3):  # a red picture, of which index of 4 rows are called green
        labels = np.ones((4, 800), np.uint8)
        labels[:index] = 2
        red = np.full((4, 800, 3), (255, 0, 0), np.uint8)
        Image.fromarray(red).save(tmp_path / f"images/{index}.png")
        Image.fromarray(labels).save(tmp_path / f"labels/{index}.png")
    dataset = open_dataset(f"folder:{tmp_path}", "all")
    shown = list(exhibits(evaluate(predictor, dataset), predictor, dataset))
    assert [(entry.id, entry.rank) for entry in shown] == [("2", "worst"), ("1", "median"), ("0", "best")]
    assert [entry.share_wrong for entry in shown] == [2 / 4, 1 / 4, 0]
    assert shown[0].iou == {1: 2 / 4, 2: 0}
    assert shown[0].score == (2 / 4 + 0) / 2
    sizes = {
        picture.size
        for entry in shown
        for picture in (entry.image, entry.truth, entry.prediction, entry.errors)
    }
    assert sizes == {(360, 2)}


class Threshold:
    """An engine of two classes that calls a pixel the second where its last channel exceeds 100."""

    threads = 1

    def scores(self, image: Channel) -> Scores:
        second = (image[..., -1] > 100).astype(np.float32)
        return np.stack([1 - second, second])


@pytest.mark.parametrize("inputs", [("hha",), ("image", "depth")])
def test_a_net_of_channels_is_shown_with_what_it_saw(tmp_path: Path, inputs: tuple[str, ...]) -> None:
    """Half of the channel exceeds 100, but nothing of the photo, and the truth follows the channel."""
    for kind in ("images", "labels", "channels.hha", "channels.depth"):
        (tmp_path / kind).mkdir()
    (tmp_path / "classes.txt").write_text("near\nfar\n")
    far = np.zeros((6, 8), np.uint8)
    far[:, 4:] = 1
    for index in range(3):
        Image.fromarray(np.full((6, 8, 3), 50, np.uint8)).save(tmp_path / f"images/{index}.png")
        Image.fromarray(far).save(tmp_path / f"labels/{index}.png")
        Image.fromarray(np.dstack([200 * far] * 3)).save(tmp_path / f"channels.hha/{index}.png")
        np.save(tmp_path / f"channels.depth/{index}.npy", 200 * far.astype(np.float32))
    dataset = open_dataset(f"folder:{tmp_path}", "all")
    info = ModelInfo("of channels", Classes.named(["near", "far"]), 8, {}, {})
    predictor = Predictor(Threshold(), info, inputs=inputs)
    shown = list(exhibits(evaluate(predictor, dataset), predictor, dataset))
    assert [entry.share_wrong for entry in shown] == [0, 0, 0]
    assert np.array_equal(np.asarray(shown[0].prediction), np.asarray(shown[0].truth))
