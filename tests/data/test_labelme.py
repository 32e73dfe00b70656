"""What labelme saves, written here as it writes it."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_files import write_photo
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.errors import DataError


def write_labelme(file: Path, *shapes: dict[str, Any], **changes: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": f"{file.stem}.jpg"}
    size = {"imageData": None, "imageHeight": 4, "imageWidth": 5}
    file.write_text(json.dumps(content | size | changes))


def drawn(label: str, kind: str, *points: tuple[float, float], **more: Any) -> dict[str, Any]:
    return {"label": label, "shape_type": kind, "points": points, "group_id": None, "flags": {}} | more


def test_labelme_shapes_lie_upon_each_other_in_their_order(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    write_labelme(
        tmp_path / "1.json",
        drawn("cup", "rectangle", (4, 4), (0, 0)),
        drawn("ball", "polygon", (1, 1), (3, 1), (3, 3), (1, 3)),
        drawn("__ignore__", "rectangle", (0, 0), (1, 1)),
        drawn("_background_", "rectangle", (3, 0), (4, 1)),
    )
    data = open_dataset(f"labelme:{tmp_path}", "all")
    assert data.classes.names == ("background", "ball", "cup")
    assert data.read(0).labels.tolist() == [
        [255, 2, 2, 0, 0],
        [2, 1, 1, 2, 0],
        [2, 1, 1, 2, 0],
        [2, 2, 2, 2, 0],
    ]


def test_labelme_masks_circles_lines_and_points(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 60, 60)
    buffer = io.BytesIO()
    Image.fromarray(np.array([[True, False], [False, True]])).save(buffer, "PNG")
    mask = base64.b64encode(buffer.getvalue()).decode()
    write_labelme(
        tmp_path / "1.json",
        drawn("disc", "circle", (15, 15), (15, 25)),
        drawn("wire", "linestrip", (0, 45), (20, 45), (20, 60)),
        drawn("spot", "point", (45, 15)),
        drawn("mask", "mask", (40, 40), (41, 41), mask=mask),
        imageHeight=60,
        imageWidth=60,
    )
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\ndisc\nwire\nspot\nmask\n")
    labels = open_dataset(f"labelme:{tmp_path}", "all").read(0).labels
    assert np.argwhere(labels == 4).tolist() == [[40, 40], [41, 41]]
    assert (labels == 1).sum() == pytest.approx(np.pi * 10**2, rel=0.02)
    assert (labels == 3).sum() == pytest.approx(np.pi * 5**2, rel=0.05)
    assert (
        labels == 2
    ).sum() == 20 * 10 + 15 * 10 - 5 * 5  # both pieces, 10 wide, but for where they overlap
    assert labels[45, 10] == 2


def test_labelme_pictures_may_be_within_the_json(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (5, 4), (200, 0, 0)).save(buffer, "PNG")
    write_labelme(tmp_path / "val/1.json", imageData=base64.b64encode(buffer.getvalue()).decode())
    assert open_dataset(f"labelme:{tmp_path}", "val").read(0).image[0, 0].tolist() == [200, 0, 0]
    write_photo(tmp_path / "photos/1.jpg", 4, 5)
    write_labelme(tmp_path / "val/1.json", imagePath="..\\photos\\1.jpg")
    assert open_dataset(f"labelme:{tmp_path}", "val").read(0).image.shape == (4, 5, 3)


def test_faults_of_labelme_files_are_named(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    (tmp_path / "labels.txt").write_text("cup\n")
    write_labelme(tmp_path / "1.json", drawn("cpu", "rectangle", (0, 0), (1, 1)))
    with pytest.raises(DataError, match=r'1.json names "cpu", which is not among background, cup'):
        open_dataset(f"labelme:{tmp_path}", "all").read(0)
    write_labelme(tmp_path / "1.json", drawn("cup", "sphere", (0, 0), (1, 1)))
    with pytest.raises(DataError, match=r'1.json cannot be drawn: shapes of type "sphere" are not known'):
        open_dataset(f"labelme:{tmp_path}", "all").read(0)
    (tmp_path / "1.json").write_text('{"shapes": [')
    with pytest.raises(DataError, match=r"1.json is no JSON"):
        open_dataset(f"labelme:{tmp_path}", "all")
    (tmp_path / "1.json").unlink()
    with pytest.raises(DataError, match="no JSON files in"):
        open_dataset(f"labelme:{tmp_path}", "all")
