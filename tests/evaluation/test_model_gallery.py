"""Models side by side: colours, columns, the CRF, errors."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_model import CLASSES
from typer.testing import CliRunner

from pixelwise.cli.main import app
from pixelwise.core.classes import Classes
from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.tints import tints
from pixelwise.inference.views import Views
from pixelwise.workflows import gallery

CELL, GAP, TITLE = 220, 6, 22


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two pictures of red on the left and blue on the right; labels say so, and void on top."""
    root = tmp_path / "data"
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    (root / "classes.txt").write_text("background\nblue\nred\n")  # other ids than the model's
    labels = np.where(np.arange(44) < 22, 2, 1).astype(np.uint8)[None].repeat(44, 0)
    image = np.where(labels[..., None] == 2, np.array([250, 0, 0]), np.array([0, 0, 250])).astype(np.uint8)
    labels[:4] = 255
    for name in ("a", "b"):
        Image.fromarray(image).save(root / f"images/{name}.png")
        Image.fromarray(labels).save(root / f"labels/{name}.png")
    return root


def columns(page: Image.Image) -> int:
    return (page.width - GAP) // (CELL + GAP)


def at(page: Image.Image, column: int, x: float, y: float) -> tuple[int, ...]:
    """The colour in the first row, at a share of the cell."""
    place = GAP + column * (CELL + GAP) + round(x * CELL), 2 * TITLE + round(y * CELL)
    return tuple(int(value) for value in np.asarray(page.convert("RGB"))[place[1], place[0]])


def test_truth_and_models_have_the_colours_of_the_data(data: Path, predictor: Predictor) -> None:
    page = gallery([predictor], f"folder:{data}", "all", crf="deeplab")
    assert columns(page) == 4
    assert page.height > 2 * (CELL + TITLE)
    assert at(page, 0, 0.25, 0.5) == (250, 0, 0)
    colours = {at(page, column, 0.25, 0.5) for column in (1, 2, 3)}
    assert len(colours) == 1 and colours != {tints(CLASSES)[1]}, "red, in the data's colour"
    assert at(page, 1, 0.25, 0.04) == (224, 224, 192), "void"
    assert at(page, 2, 0.25, 0.04) == at(page, 2, 0.25, 0.5), "models know no void"
    assert {at(page, column, 0.75, 0.5) for column in (1, 2, 3)}.isdisjoint(colours)


def test_the_crf_refines_what_the_model_shows_with_its_views(data: Path, predictor: Predictor) -> None:
    seen: list[RGBImage] = []

    class Recording:
        threads = 1

        def scores(self, image: RGBImage) -> Scores:
            seen.append(image)
            return predictor.engine.scores(image)

    mirrored = Predictor(Recording(), predictor.info, views=Views(flip=True))
    gallery([mirrored], f"folder:{data}", "all", pictures=1, crf="deeplab")
    plain, mirror = seen[:2]
    assert np.array_equal(mirror, plain[:, ::-1])
    assert all(np.array_equal(one, other) for one, other in zip(seen[2:], seen[:2], strict=True))


def test_no_two_classes_share_a_colour(data: Path, predictor: Predictor) -> None:
    """Data and model have VOC's colours and no name in common: red and right would look the same."""
    (data / "classes.txt").write_text("ground\nright\nleft\n")
    info = dataclasses.replace(predictor.info, classes=Classes.named(CLASSES.names))
    page = gallery([Predictor(predictor.engine, info)], f"folder:{data}", "all")
    truth, found = ({at(page, column, x, 0.5) for x in (0.25, 0.75)} for column in (1, 2))
    assert len(truth) == len(found) == 2
    assert truth.isdisjoint(found)


def test_two_models_stand_side_by_side(data: Path, predictor: Predictor) -> None:
    page = gallery([predictor, predictor], f"folder:{data}", "all", pictures=1)
    assert columns(page) == 4
    assert page.height < 2 * CELL


def test_the_verb_takes_a_list_of_ids(data: Path, model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("b\n")
    line = ["gallery", str(model_path), "--data", f"folder:{data}", "--split", "all", "-o"]
    done = CliRunner().invoke(app, [*line, str(tmp_path / "g.png"), "--list", str(tmp_path / "ids.txt")])
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "g.png") as page:
        assert columns(page) == 3 and page.height < 2 * CELL
    assert CliRunner().invoke(app, [*line, "g.gif"]).exit_code == 2


def test_an_empty_gallery_is_refused(data: Path, predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="needs a model and a picture"):
        gallery([], f"folder:{data}")
