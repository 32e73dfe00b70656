"""Evaluation and check of a data set on a cluster give what the plain functions do."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixelwise
from pixelwise.core.errors import DataError

pytest.importorskip("ray", reason='needs pip install "pixelwise[distributed]"')
from pixelwise import distributed

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Forty pictures of a colour beside another, with labels a few pixels off; two alike."""
    random = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    (tmp_path / "classes.txt").write_text("background\nred\ngreen\n")
    for index in range(40):
        image = random.integers(0, 90, (24, 40, 3)).astype(np.uint8)
        image[:, : 5 + index % 30, 1] = image[:, 5 + index % 30 :, 0] = 250
        mask = np.full((24, 40), 2, np.uint8)
        mask[:, 5 + index % 30 + index % 4 :] = 1
        mask[:, 3] = 255
        Image.fromarray(image).save(tmp_path / f"images/{index:02}.png")
        Image.fromarray(mask).save(tmp_path / f"labels/{index:02}.png")
    return f"folder:{tmp_path}"


def test_an_evaluation_equals_the_plain_one(data: str, model_path: Path) -> None:
    told: list[int] = []
    details = ("trimap", "boundary", "sizes")
    found = distributed.evaluate(model_path, data, "all", details=details, on_image=told.append)
    plain = pixelwise.evaluate(model_path, data, "all", details=details)
    assert found.to_dict() == plain.to_dict()
    assert found.images == 40
    assert 0 < found.summary()["mean_iou"] < 1
    assert (told, told[-1]) == (sorted(told), 40)


def test_masks_of_another_program_are_judged_too(data: str, tmp_path: Path) -> None:
    foreign = tmp_path / "masks"
    foreign.mkdir()
    for path in (tmp_path / "labels").iterdir():
        mask = np.roll(np.asarray(Image.open(path)), 2, axis=1)
        Image.fromarray(np.where(mask == 255, 0, mask).astype(np.uint8)).save(foreign / path.name)
    masks = f"masks:{foreign}"
    found = distributed.evaluate(masks, data, "all")
    assert found.to_dict() == pixelwise.evaluate(masks, data, "all").to_dict()
    assert found.summary()["mean_iou"] < 1


def test_a_broken_picture_is_the_error_of_the_plain_evaluation(
    data: str, tmp_path: Path, model_path: Path
) -> None:
    (tmp_path / "images/31.png").write_bytes(b"broken")
    with pytest.raises(DataError) as plain:
        pixelwise.evaluate(model_path, data, "all")
    with pytest.raises(DataError) as found:
        distributed.evaluate(model_path, data, "all")
    assert str(found.value) == str(plain.value)
    assert "31.png" in str(found.value)


def test_a_check_gives_the_plain_report(data: str, tmp_path: Path) -> None:
    (tmp_path / "images/31.png").write_bytes(b"broken")
    (tmp_path / "labels/07.png").unlink()
    (tmp_path / "images/20.png").write_bytes((tmp_path / "images/05.png").read_bytes())
    Image.fromarray(np.full((24, 40), 9, np.uint8)).save(tmp_path / "labels/39.png")
    told: list[int] = []
    found = distributed.check(data, "all", on_image=lambda name, done, total: told.append(done))
    plain = pixelwise.check(data, "all")
    assert found.to_dict() == plain.to_dict()
    assert told == list(range(1, 41))
    errors = found.to_dict()["splits"]["all"]["errors"]
    assert {error["kind"] for error in errors} >= {"unreadable", "missing", "ids"}
    assert [sample for error in errors for sample in error["samples"]] >= ["07", "31", "39"]
