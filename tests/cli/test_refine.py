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


def test_the_flicker_of_a_single_frame_is_not_defined(invoke: Callable[[str], Result]) -> None:
    for folder, file in (("frames", "photo.jpg"), ("maps", "labels.png")):
        Path(folder).mkdir()
        Path(file).rename(Path(folder, f"0{Path(file).suffix}"))
    done = invoke("refine --video frames maps -o out")
    assert done.stdout == "out: 1 frame; flicker not defined before, not defined after\n"


def test_what_is_there_is_not_replaced_unless_asked(invoke: Callable[[str], Result]) -> None:
    Path("out.png").write_text("precious")
    result = invoke("refine photo.jpg labels.png -o out.png")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: out.png is there already\nhint:  --overwrite replaces it\n",
    )
    assert Path("out.png").read_text() == "precious"
    result = invoke("refine photo.jpg labels.png -o new.png --show-iterations out.png")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (1, "error: out.png is there already")
    assert Path("out.png").read_text() == "precious"
    assert not Path("new.png").exists()
    assert invoke("refine photo.jpg labels.png -o out.png --overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("refine photo.jpg labels.png", 2, "Missing option"),
        ("refine photo.jpg labels.png -o r.jpg", 2, "expected a name that ends in .png or .npz, got r.jpg"),
        (
            "refine photo.jpg labels.png -o r.png --show-iterations r.npz",
            2,
            "--show-iterations: expected another name that ends in .png or .jpg, got r.npz",
        ),
        (
            "refine photo.jpg labels.png -o r.png --show-iterations r.png",
            2,
            "--show-iterations: expected another name that ends in .png or .jpg, got r.png",
        ),
        (
            "refine photo.jpg labels.png -o r.png --confidence 0.5",
            2,
            "--confidence: confidence must be above 1/classes",
        ),
        ("refine photo.jpg labels.png -o r.png --save mask", 2, "--save: it does not apply to a single"),
        ("refine photo.jpg labels.png -o r.png --crf-preset x", 1, "error: no CRF preset x"),
        ("refine none.jpg labels.png -o r.png", 1, "error: none.jpg: no such file"),
        ("refine photo.jpg none.png -o r.png", 1, "error: the label none.png does not exist"),
        (
            "refine https://me:secret@example.org/a.jpg?token=1 labels.png -o r.png",
            1,
            "error: https://example.org/a.jpg?...: refine reads files only, no URLs\nhint:  download",
        ),
        ("refine photo.jpg s3://bucket/a.npz -o r.png", 1, "error: s3://bucket/a.npz: refine reads files"),
        ("refine photo.jpg labels.png -o s3://bucket/r.png", 1, "not to a URL"),
        ("refine s3://a s3://b -o r --video", 1, "error: s3://a: refine reads files only"),
        (
            "refine photo.jpg photo.jpg -o r.png",
            1,
            "error: photo.jpg is a JPEG, whose compression alters ids",
        ),
        (
            "refine photo.jpg turned.png -o r.png",
            1,
            "error: photo.jpg, upright as its EXIF orientation says: an array of shape (40, 30) does not fit "
            "a picture of 30 x 40 (height x width): expected probabilities (classes, 30, 40), or of a "
            "smaller grid such as (classes, 4, 5), or labels (30, 40)\nhint:  rows come before columns",
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


@pytest.fixture
def folders(invoke: Callable[[str], Result]) -> Callable[[str], Result]:
    """photos/ with three pictures, one in a subfolder, and found/ with something for each."""
    for name in ("a", "b", "deep/c"):
        path = Path("photos") / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Path("photo.jpg").read_bytes())
    Path("found/deep").mkdir(parents=True)
    Image.open("labels.png").save("found/a.png")
    with np.load("photo_probabilities.npz") as saved:
        probabilities = saved["probabilities"].astype(np.float32)
    np.save("found/b.npy", probabilities[:, ::2, ::2])
    np.savez("found/deep/c_probabilities.npz", softmax=probabilities)
    return invoke


EDGE = np.arange(40) >= 20


def test_a_folder_is_refined_file_by_file(folders: Callable[[str], Result]) -> None:
    done = folders("refine photos found -o out --save mask,overlay --threads 1")
    assert done.exit_code == 0, done.output
    assert "3 refined" in done.stderr
    for name, foreground in (("a", 15), ("b", 1), ("deep/c", 1)):
        with Image.open(f"out/{name}_mask.png") as picture:
            assert (np.asarray(picture) == foreground * EDGE).mean() > 0.97
        assert Path(f"out/{name}_overlay.jpg").exists()


def test_a_folder_is_finished_where_it_stopped(folders: Callable[[str], Result]) -> None:
    assert folders("refine photos found -o out --threads 1").exit_code == 0
    times = {path: path.stat().st_mtime_ns for path in Path("out").glob("*_mask.png")}
    np.save("found/b.npy", np.load("found/b.npy")[::-1])
    again = folders("refine photos found -o out --threads 1")
    assert "1 refined, 2 finished before" in again.stderr
    changed = [path.name for path, time in times.items() if path.stat().st_mtime_ns != time]
    assert changed == ["b_mask.png"]
    with Image.open("out/b_mask.png") as picture:
        assert (np.asarray(picture) == ~EDGE).mean() > 0.97
    assert "3 refined;" in folders("refine photos found -o out --threads 1 --confidence 0.8").stderr


@pytest.mark.parametrize("options", ["-o out", "-o ./photos/../out", "-o link", "-o out --overwrite"])
def test_results_never_overwrite_the_masks_they_are_made_from(
    folders: Callable[[str], Result], options: str
) -> None:
    """NAME_mask.png of an earlier run are the given labels here, and would be called so again."""
    assert folders("refine photos found -o out --threads 1").exit_code == 0
    Path("link").symlink_to("out", target_is_directory=True)
    before = {path: path.read_bytes() for path in Path("out").rglob("*_mask.png")}
    done = folders(f"refine photos out {options} --confidence 0.6 --threads 1")
    assert done.exit_code == 1
    error, hint = done.stderr.splitlines()[-2:]
    assert error == "error: out/a_mask.png would be overwritten by what is made from it"
    assert hint == "hint:  choose another --output"
    assert {path: path.read_bytes() for path in Path("out").rglob("*_mask.png")} == before
    assert folders("refine photos out -o again --threads 1").exit_code == 0


@pytest.mark.parametrize("options", ["-o photo.png", "-o r.png --show-iterations photo.png"])
def test_a_result_never_overwrites_its_picture(invoke: Callable[[str], Result], options: str) -> None:
    Image.open("photo.jpg").save("photo.png")
    before = Path("photo.png").read_bytes()
    done = invoke(f"refine photo.png labels.png {options} --overwrite")
    assert "error: photo.png would be overwritten by what is made from it" in done.stderr
    assert Path("photo.png").read_bytes() == before


def test_results_beside_given_files_of_other_names_are_skipped_when_repeated(
    folders: Callable[[str], Result],
) -> None:
    assert "3 refined" in folders("refine photos found -o found --threads 1").stderr
    assert "3 finished before" in folders("refine photos found -o found --threads 1").stderr


def test_pictures_that_differ_in_their_ending_do_not_share_a_file(folders: Callable[[str], Result]) -> None:
    Image.open("photos/a.jpg").save("photos/a.png")
    done = folders("refine photos found -o out --threads 1")
    assert done.exit_code == 1
    assert "error: photos/a.jpg: found/a.png would be refined for photos/a.png too" in done.stderr
    assert "error: photos/a.png: found/a.png would be refined for photos/a.jpg too" in done.stderr
    assert "such as a_png.png" in done.stderr
    with Image.open("found/a.png") as labels:  # as `segment` calls the masks of both
        Image.fromarray(np.asarray(labels)[:, ::-1]).save("found/a_png_mask.png")
    assert "2 refined, 2 finished before" in folders("refine photos found -o out --threads 1").stderr
    for result, edge in (("a_mask", EDGE), ("a_png_mask", ~EDGE)):
        with Image.open(f"out/{result}.png") as picture:
            assert (np.asarray(picture) == 15 * edge).mean() > 0.97


def test_a_bad_file_does_not_stop_the_others(folders: Callable[[str], Result]) -> None:
    Path("found/b.npy").write_bytes(b"no array")
    Path("found/deep/c_probabilities.npz").unlink()
    done = folders("refine photos found -o out --threads 1")
    assert done.exit_code == 1
    assert "error: photos/b.jpg: found/b.npy cannot be read as an .npy file" in done.stderr
    assert "error: photos/deep/c.jpg: no labels or probabilities for it in found" in done.stderr
    assert "1 refined, 2 failed" in done.stderr
    assert sorted(path.name for path in Path("out").rglob("*.png")) == ["a_mask.png"]


def test_folders_need_a_folder_of_results(folders: Callable[[str], Result]) -> None:
    done = folders("refine photos labels.png -o out")
    assert (done.exit_code, "error: labels.png is not a folder" in done.stderr) == (1, True)
    done = folders("refine photos found -o out --save video")
    assert done.exit_code == 2
    np.savez("two.npz", first=np.load("found/b.npy"), second=np.load("found/b.npy"))
    done = folders("refine photo.jpg two.npz -o r.png")
    assert (
        "error: two.npz holds several arrays: first, second\nhint:  name one of them: --array NAME"
        in done.stderr
    )
    assert folders("refine photo.jpg two.npz -o r.png --array second").exit_code == 0


def test_the_frames_that_are_left_out_are_named_without_an_option_that_refine_lacks(
    folders: Callable[[str], Result],
) -> None:
    frames = [Image.new("RGB", (40, 30), (shade,) * 3) for shade in (0, 200)]
    frames[0].save("photos/g.gif", save_all=True, append_images=frames[1:])
    np.save("found/g.npy", np.full((2, 30, 40), 0.5, np.float32))
    done = folders("refine photos found -o out")
    said = "not refined: further frames or pages of files: 1 (photos/g.gif)"
    assert said in done.stderr.splitlines()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("photos found -o out --show-iterations s.png", "--show-iterations: it does not apply to a folder"),
        ("photos found -o out --video --show-iterations s.png", "--show-iterations: it does not apply to a"),
        ("photos found -o out --video --save overlay", "--save: it does not apply to a clip; leave it out"),
        ("photos found -o out --video --array scores", "--array: it does not apply to a clip; leave it out"),
        ("photo.jpg labels.png -o out --array scores", "--output: expected a name that ends in .png"),
        (
            "photo.jpg labels.png -o out.png --array scores",
            "--array: array is for .npz files, got labels.p",
        ),
        ("photo.jpg found/b.npy -o out.png --confidence 0.9", "--confidence: confidence is for labels, and"),
        (
            "photos arrays -o out --confidence 0.9",
            "--confidence: confidence is for labels, and arrays has",
        ),
        ("photos arrays -o out --array scores", "--array: array is for .npz files, and arrays has none"),
    ],
)
def test_options_that_do_not_apply_are_refused(
    folders: Callable[[str], Result], line: str, message: str
) -> None:
    Path("arrays").mkdir()
    Path("arrays/b.npy").write_bytes(Path("found/b.npy").read_bytes())
    done = folders(f"refine {line}")
    assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
    assert not Path("out").exists()


def test_only_faults_of_the_confidence_are_blamed_on_it(
    invoke: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object) -> None:
        raise ValueError("expected something else")

    monkeypatch.setattr("pixelwise.workflows.refine_file", fails)
    done = invoke("refine photo.jpg labels.png -o r.png")
    assert "Invalid value: expected something else" in done.stderr
