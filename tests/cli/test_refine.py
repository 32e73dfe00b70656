"""`pixelwise refine`: its examples, what it writes, how it fails."""

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from pixelwise.cli import refine as verb
from pixelwise.cli.main import app


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Result]:
    """Run a line beside photo.jpg, labels.png (its edge three pixels off) and photo_probabilities.npz."""
    image = np.zeros((30, 40, 3), np.uint8)
    image[:, 20:] = 200
    Image.fromarray(image).save(tmp_path / "photo.jpg", quality=95)
    labels = np.zeros((30, 40), np.uint8)
    labels[:, 17:] = 15
    Image.fromarray(labels).save(tmp_path / "labels.png")
    right = np.where(labels == 15, 0.8, 0.2).astype(np.float16)
    np.savez(tmp_path / "photo_probabilities.npz", probabilities=np.stack([1 - right, right]))
    Image.fromarray(labels.T).save(tmp_path / "turned.png")
    monkeypatch.chdir(tmp_path)
    return lambda line: CliRunner().invoke(app, shlex.split(line))


def test_help_ends_with_examples_that_work(invoke: Callable[[str], Result]) -> None:
    shown = invoke("refine --help").stdout
    assert len(verb.EXAMPLES) == 2
    assert [line.strip() for line in shown.splitlines() if line.strip()][-2:] == list(verb.EXAMPLES)
    for example in verb.EXAMPLES:
        result = invoke(example.removeprefix("pixelwise "))
        assert result.exit_code == 0, result.output
    with Image.open("refined.png") as picture:
        assert (np.asarray(picture) == np.where(np.arange(40) < 20, 0, 15)).all()
    with np.load("refined.npz") as saved:
        assert (saved["probabilities"].argmax(0) == (np.arange(40) >= 20)).all()
        assert saved["classes"].tolist() == ["0", "1"]


def test_iterations_are_drawn_beside_the_result(invoke: Callable[[str], Result]) -> None:
    done = invoke("refine photo.jpg photo_probabilities.npz -o out.png --show-iterations steps.png")
    assert done.exit_code == 0, done.output
    with Image.open("steps.png") as page:
        assert page.width > 1000
    assert Path("out.png").exists()


def test_it_says_what_it_wrote(invoke: Callable[[str], Result]) -> None:
    assert invoke("refine photo.jpg labels.png -o r.png").stdout.startswith("r.png  (40x30, refined, ")


def test_what_is_there_is_not_replaced_unless_asked(invoke: Callable[[str], Result]) -> None:
    Path("out.png").write_text("precious")
    result = invoke("refine photo.jpg labels.png -o out.png")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: out.png is there already\nhint:  --overwrite replaces it\n",
    )
    assert Path("out.png").read_text() == "precious"
    assert invoke("refine photo.jpg labels.png -o out.png --overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("refine photo.jpg labels.png", 2, "Missing option"),
        ("refine photo.jpg labels.png -o r.jpg", 2, "expected a name that ends in .png or .npz, got r.jpg"),
        ("refine photo.jpg labels.png -o r.png --confidence 0.5", 2, "confidence must be above 1/classes"),
        ("refine photo.jpg labels.png -o r.png --crf-preset x", 1, "error: no CRF preset x"),
        ("refine none.jpg labels.png -o r.png", 1, "error: none.jpg: no such file"),
        ("refine photo.jpg none.png -o r.png", 1, "error: the label none.png does not exist"),
        (
            "refine photo.jpg photo.jpg -o r.png",
            1,
            "error: photo.jpg is a JPEG, whose compression alters ids",
        ),
        (
            "refine photo.jpg turned.png -o r.png",
            1,
            "error: photo.jpg is 40 x 30 pixels, upright as its EXIF orientation says, but what is to be "
            "refined 30 x 40\nhint:  labels must have the picture's size",
        ),
    ],
)
def test_mistakes_get_one_clear_error(
    invoke: Callable[[str], Result], line: str, code: int, message: str
) -> None:
    result = invoke(line)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr
    assert not list(Path().glob("r.*"))
    assert not list(Path().glob("*.partial"))
