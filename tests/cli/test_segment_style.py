"""`pixelwise segment`: how overlays and cutouts look, rankings, and pictures that show nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from clips import RED, plain, write_clip
from PIL import Image
from typer.testing import CliRunner, Result

from pixelwise import segment_folder
from pixelwise.cli.main import app
from pixelwise.inference import Predictor, Style
from pixelwise.inference.video.reading import Video

Invoke = Callable[..., Result]
FAINT = (110, 0, 0)  # red scores 3.4 and the background 3: unsure
BLACK = (0, 0, 0)


@pytest.fixture
def invoke(bundled: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run `pixelwise segment` on a sure, an unsure and an empty picture, with the tiny model."""
    for name, colour in (("sure", RED), ("unsure", FAINT), ("empty", BLACK)):
        Image.new("RGB", (60, 40), colour).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["segment", *arguments])


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_another_style_makes_finished_overlays_again(invoke: Invoke, tmp_path: Path) -> None:
    overlay = tmp_path / "o" / "sure_overlay.jpg"
    assert invoke("sure.png", "-o", "o").exit_code == 0
    assert size(overlay) != (60, 40)
    assert invoke("sure.png", "-o", "o", "--no-legend", "--opacity", "0.9").exit_code == 0
    assert size(overlay) == (60, 40)
    again = json.loads(invoke("sure.png", "-o", "o", "--no-legend", "--opacity", "0.9", "--json").stdout)
    assert again["skipped"]


def test_cutouts_stand_on_the_background_that_is_asked_for(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("empty.png", "--save", "cutout", "--background", "#00ff00", "-o", "o")
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "o" / "empty_cutout.png") as drawn:
        assert (drawn.mode, drawn.getpixel((30, 20))) == ("RGB", (0, 255, 0))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--save", "cutout", "--background", "nope"], 2, "a colour such as #ff8800 or a picture file"),
        (["--save", "cutout", "--background", "notes.txt"], 1, "expected an image, got text"),
        (["--background", "blur"], 2, "add cutout to --save"),
        (["--save", "mask", "--opacity", "0.3"], 2, "add overlay to --save"),
        (["--opacity", "1.5"], 2, "--opacity"),
        (["--rank", "size"], 2, "expected one of uncertain, got size"),
        (["--rank", "uncertain", "--save", "mask", "-o", "-"], 2, "no JSON or ranking"),
    ],
)
def test_a_wrong_value_is_one_error_before_the_first_picture(
    invoke: Invoke, tmp_path: Path, options: list[str], code: int, said: str
) -> None:
    (tmp_path / "notes.txt").write_text("hello\n")
    result = invoke("sure.png", *options)
    shown = " ".join(result.output.split()) + str(result.exception or "")
    assert said in shown
    assert result.exit_code == code
    assert not (tmp_path / "segmentation").exists() and "sure.png" not in result.stdout


def test_pictures_are_ranked_by_uncertainty(invoke: Invoke) -> None:
    shown = invoke("sure.png", "unsure.png", "empty.png", "--rank", "uncertain").stdout.splitlines()
    ranks = [line.split() for line in shown[-3:]]
    assert [row[0] for row in ranks] == ["1", "2", "3"]
    assert [row[2] for row in ranks] == ["unsure.png", "empty.png", "sure.png"]
    lines = invoke("sure.png", "unsure.png", "empty.png", "--rank", "uncertain", "--json").stdout.splitlines()
    *records, ranking = map(json.loads, lines)
    assert [picture["path"] for picture in ranking["pictures"]] == ["unsure.png", "empty.png", "sure.png"]
    by_path = {record["path"]: record["uncertainty"] for record in records}
    assert by_path == {picture["path"]: picture["uncertainty"] for picture in ranking["pictures"]}
    assert by_path["unsure.png"] > 0.3 > by_path["sure.png"]


def test_a_picture_that_shows_nothing_is_said_to_with_what_to_try(invoke: Invoke) -> None:
    result = invoke("sure.png", "empty.png")
    assert "empty.png  (60x40, nothing found: everything is background" in result.stdout
    assert result.stderr.count("nothing found in empty.png") == 1
    assert "try --tiles auto, or another --model" in " ".join(result.stderr.split())
    assert "nothing found" not in invoke("sure.png").output


def test_a_picture_of_which_cleaning_leaves_nothing_is_said_to_with_the_options_to_leave_out(
    invoke: Invoke,
) -> None:
    for options, named in (
        (["--only", "blue"], "--only"),
        (["--only", "blue", "--min-region", "1%"], "--only and --min-region"),
    ):
        told = " ".join(invoke("sure.png", *options).stderr.split())
        assert told.count(f"nothing is left in sure.png; to see what the model finds, leave out {named}") == 1
        assert "--tiles" not in told
    assert "nothing is left" not in invoke("sure.png", "--only", "red").output


def test_a_video_has_a_legend_if_asked_for(predictor: Predictor, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "x.mp4", [plain(RED), plain(BLACK)])
    sizes = {}
    for name, style in (("plain", Style()), ("legend", Style(legend=True))):
        done = segment_folder(clip, tmp_path / name, predictor, ["overlay"], style=style)
        (outcome,) = done.outcomes
        assert outcome.problem is None
        with Video(outcome.outputs["overlay"]) as video:
            sizes[name] = [frame.pixels.shape[:2] for frame in video.frames()]
    assert sizes["plain"] == [(32, 48)] * 2
    assert len(set(sizes["legend"])) == 1 and sizes["legend"][0][0] > 32
