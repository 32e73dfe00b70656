"""Pictures as files."""

from pathlib import Path

import pytest
from PIL import Image

from pixelwise.core.pictures.writing import write_picture


@pytest.mark.parametrize(
    ("name", "kind"),
    [("x.jpg", "JPEG"), ("x.JPG", "JPEG"), ("x.jpeg", "JPEG"), ("x.png", "PNG"), ("x", "PNG")],
)
def test_the_ending_names_the_format(name: str, kind: str, tmp_path: Path) -> None:
    write_picture(tmp_path / name, Image.new("RGB", (3, 2)))
    with Image.open(tmp_path / name) as written:
        assert (written.format, written.size) == (kind, (3, 2))
