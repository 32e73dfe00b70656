"""`pixelwise segment` with --tiles, --long-side and --device."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pixelwise.cli import main


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[::30, :, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "x.png")
    return tmp_path / "x.png"


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(main.app, ["segment", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--tiles", "0"), "--tiles"),
        (("--tiles", "-5"), "--tiles"),
        (("--tiles", "many"), "--tiles"),
        (("--long-side", "0"), "--long-side"),
        (("--device", "gpu"), "--device"),
    ],
)
def test_wrong_values_are_usage_errors_that_name_the_option(
    picture: Path, tmp_path: Path, options: tuple[str, str], named: str
) -> None:
    code, output = run(picture, "-o", tmp_path / "out", *options)
    assert code == 2
    assert named in output and "Traceback" not in output
    assert not (tmp_path / "out").exists()


def test_tiles_find_thin_lines_and_are_told(
    picture: Path, tmp_path: Path, bundled: Callable[[], Path]
) -> None:
    bundled()
    for name, options in (("once", ()), ("tiles", ("--tiles", "64")), ("auto", ("--tiles", "auto"))):
        code, output = run(picture, "-o", tmp_path / name, "--save", "mask", *options)
        assert code == 0, output
        assert ("tiles of" in output) == (name != "once")
    mask = np.asarray(Image.open(tmp_path / "tiles/x_mask.png"))
    assert np.array_equal(mask == 1, np.asarray(Image.open(picture))[..., 0] == 255)
    assert not (np.asarray(Image.open(tmp_path / "once/x_mask.png")) == 1).any()


def test_a_longer_side_shows_more(picture: Path, tmp_path: Path, bundled: Callable[[], Path]) -> None:
    bundled()
    code, output = run(picture, "-o", tmp_path / "out", "--save", "mask", "--long-side", "400")
    assert code == 0, output
    mask = np.asarray(Image.open(tmp_path / "out/x_mask.png"))
    assert np.array_equal(mask == 1, np.asarray(Image.open(picture))[..., 0] == 255)
