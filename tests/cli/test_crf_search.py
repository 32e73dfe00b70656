"""`pixelwise crf-search`: its examples, its result, going on after Ctrl-C."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from pixelwise.cli import crf_search as verb
from pixelwise.cli.main import app
from pixelwise.crf import load_preset
from pixelwise.crf.parameter_search import Point
from pixelwise.evaluation.crf_scores import ScoredImages

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes


@pytest.fixture
def invoke(
    bundled: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Result]:
    """Run a line beside VOC2012, two noisy pictures of which the tiny model knows the background."""
    bundled()
    random = np.random.default_rng(0)
    root = tmp_path / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "lists"):
        (root / folder).mkdir(parents=True)
    (root / "lists/val.txt").write_text("a\nb\n")
    (root / "first.txt").write_text("a\n")
    for name in "ab":
        labels = np.zeros((12, 20), np.uint8)
        labels[:, 9:] = 255
        image = random.integers(0, 125, (12, 20, 3)) * np.where(labels == 0, 1, 2)[..., None]
        Image.fromarray(image.astype(np.uint8)).save(root / f"JPEGImages/{name}.jpg")
        Image.fromarray(labels).save(root / f"SegmentationClass/{name}.png")
    monkeypatch.chdir(tmp_path)
    return lambda line: CliRunner().invoke(app, shlex.split(line))


def test_help_ends_with_examples_that_work(invoke: Callable[[str], Result]) -> None:
    shown = " ".join(invoke("crf-search --help").stdout.split())
    assert len(verb.EXAMPLES) == 2
    assert shown.endswith(" ".join(verb.EXAMPLES))
    for example in verb.EXAMPLES:
        result = invoke(example.removeprefix("pixelwise "))
        assert result.exit_code == 0, result.output
    assert load_preset("preset.json").name == "preset"
    assert Path("light.png").exists()


def test_the_preset_says_how_it_was_found_and_can_be_used(invoke: Callable[[str], Result]) -> None:
    line = "crf-search default --data voc:VOC2012 -o mine.json --list VOC2012/first.txt --theta-beta 20:40"
    result = invoke(line)
    assert result.exit_code == 0, result.stderr
    preset, content = load_preset("mine.json"), json.loads(Path("mine.json").read_text())
    record = content["search"]
    assert preset.source == "pixelwise crf-search, tiny on voc:VOC2012 val (first.txt)"
    assert (preset.w2, preset.theta_gamma, preset.iterations, preset.normalization) == (3, 3, 10, "after")
    assert record["images"] == 1
    assert record["ranges"] == {"w1": [5, 10], "theta_alpha": [50, 100], "theta_beta": [20, 40]}
    assert record["mean_iou"] >= record["mean_iou_without_crf"]
    assert "void truth left out" in record["convention"]
    assert str(Path.cwd()) not in Path("mine.json").read_text()
    lines = result.stderr.splitlines()
    assert lines[0].startswith("1 image, mean IoU without CRF ")
    assert len([line for line in lines if "; best " in line]) == record["trials"]
    with Image.open("mine.png") as picture:
        assert picture.format == "PNG"
    judged = invoke("eval default --data voc:VOC2012 --list VOC2012/first.txt --crf-preset mine.json --json")
    assert judged.exit_code == 0, f"{judged.stderr}{judged.exception!r}"
    assert json.loads(judged.stdout)["mean_iou"] == pytest.approx(record["mean_iou"], abs=0.01)


def test_after_ctrl_c_the_same_command_goes_on(
    invoke: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "crf-search default --data voc:VOC2012 -o mine.json"
    scored: list[Point] = []
    original = ScoredImages.mean_iou

    def interrupted_after_30(self: ScoredImages, point: Point) -> float:
        if len(scored) == 30:
            raise KeyboardInterrupt
        scored.append(point)
        return original(self, point)

    with monkeypatch.context() as patch:
        patch.setattr(ScoredImages, "mean_iou", interrupted_after_30)
        stopped = invoke(line)
    assert stopped.exit_code == 130
    assert not Path("mine.json").exists()
    assert len(scored) == 30

    def counted(self: ScoredImages, point: Point) -> float:
        scored.append(point)
        return original(self, point)

    with monkeypatch.context() as patch:
        patch.setattr(ScoredImages, "mean_iou", counted)
        assert invoke(line).exit_code == 0
    trials = json.loads(Path("mine.json").read_text())["search"]["trials"]
    assert len(scored) == len(set(scored)) == trials
    assert invoke("crf-search default --data voc:VOC2012 -o whole.json").exit_code == 0
    whole, mine = (json.loads(Path(name).read_text()) for name in ("whole.json", "mine.json"))
    assert {**whole, "name": "mine"} == mine


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("-o x.txt", 2, "expected a name that ends in .json, got x.txt"),
        ("-o x.json --w1 5", 2, "expected LOW:HIGH or LOW:STEP:HIGH, got 5"),
        ("-o x.json --w1 1:1:1:9", 2, "expected LOW:HIGH or LOW:STEP:HIGH, got 1:1:1:9"),
        ("-o x.json --w1 1:9:5", 2, "w1 needs a step from 0 to high - low, got 9"),
        ("-o x.json --grid fine", 2, "expected quick or paper, got fine"),
        ("-o x.json --w1 5:2", 2, "w1 needs two numbers 0 < low < high, got 5 and 2"),
        ("-o there.json", 1, "error: there.json is there already\nhint:  --overwrite replaces it"),
        ("-o photo.json", 1, "error: photo.png is there already\nhint:  --overwrite replaces it"),
        ("-o x.json --split test", 1, 'no split "test"'),
        ("-o x.json --images 0", 2, "--images"),
    ],
)
def test_mistakes_get_one_clear_error(
    invoke: Callable[[str], Result], options: str, code: int, message: str
) -> None:
    for name in ("there.json", "photo.png"):
        Path(name).write_text("precious")
    result = invoke(f"crf-search default --data voc:VOC2012 {options}")
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr
    assert Path("there.json").read_text() == Path("photo.png").read_text() == "precious"
    assert not list(Path().glob("x.*"))
