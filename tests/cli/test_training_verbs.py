"""train, eval, export and segment one after the other, as a user with labelled images would."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from squares_runs import run_squares
from typer.testing import CliRunner

from pixelwise import load
from pixelwise.cli import main
from pixelwise.cli.training_report import next_command, resume_command
from pixelwise.training import checkpoint
from pixelwise.workflows.training import Training

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes


def pixelwise(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pixelwise", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 pictures, the left half dark ground, the right half bright wall."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (root / kind).mkdir()
    for index in range(12):
        labels = np.zeros((40, 60), np.uint8)
        labels[:, rng.integers(20, 40) :] = 1
        image = (rng.integers(0, 60, (40, 60, 3)) + 150 * labels[..., None]).astype(np.uint8)
        Image.fromarray(image).save(root / f"images/{index:02}.png")
        Image.fromarray(labels).save(root / f"labels/{index:02}.png")
    (root / "classes.txt").write_text("ground\nwall\n")
    return root


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "photos"
    settings = (
        f"data=folder:{photos} backbone=test_efficientnet backbone_weights=none freeze_stages=0 "
        "context=8 hidden=4 crop=33 batch_size=4 steps=80 warmup_steps=5 evaluate_every=80 workers=0 "
        "learning_rate=1e-2 head_learning_rate=1e-2"
    )
    sets = [part for setting in settings.split() for part in ("--set", setting)]
    done = pixelwise("train", "finetune", *sets, "--output", folder)
    assert done.returncode == 0, done.stderr
    assert "make a model file with: pixelwise export" in done.stdout
    assert "only 1 picture to judge by" in done.stderr
    return folder


@pytest.fixture(scope="module")
def model(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "wall.onnx"
    done = pixelwise("export", run, "-o", path, "--name", "wall")
    assert done.returncode == 0, done.stderr
    return path


def test_run_and_exported_file_are_judged_alike(run: Path, model: Path, photos: Path) -> None:
    results = []
    for name in (run, model):
        done = pixelwise("eval", name, "--data", f"folder:{photos}", "--json")
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
    assert results[0]["images"] == 1
    assert results[0]["mean_iou"] > 0.8
    assert results[1]["mean_iou"] == pytest.approx(results[0]["mean_iou"], abs=0.01)
    assert {"pixel_accuracy", "mean_accuracy", "frequency_weighted_iou", "convention", "void"} <= results[
        0
    ].keys()


def test_the_exported_file_says_where_it_comes_from(model: Path) -> None:
    info = load(model).info
    assert info.name == "wall"
    assert info.classes.names == ("ground", "wall")
    assert info.training["steps"] == 80
    assert info.training["recipe"]["backbone"] == "test_efficientnet"
    assert info.training["val"]["step"] == 80
    assert info.preprocessing["mean"] == pytest.approx([123.675, 116.28, 103.53])  # timm's for this trunk


def test_export_says_that_a_net_is_the_best_and_not_the_last(run: Path, tmp_path: Path) -> None:
    early = dataclasses.replace(checkpoint.load(run / checkpoint.BEST), step=40)
    checkpoint.save(early, tmp_path / checkpoint.BEST)
    done = pixelwise("export", tmp_path, "-o", tmp_path / "early.onnx")
    assert done.returncode == 0, done.stderr
    assert "the net after step 40 of 80, the best on the held-out pictures" in done.stderr


def test_export_writes_model_files_alone_and_never_over_its_net(tmp_path: Path) -> None:
    net = tmp_path / "net.safetensors"
    net.write_bytes(b"weights")
    for arguments, complaint in (
        ([str(net), "-o", str(net)], "ends in .onnx"),
        ([str(net), "-o", str(tmp_path / "model.onnx"), "--head", "geometric"], "--head"),
    ):
        done = CliRunner().invoke(main.app, ["export", *arguments], env={"COLUMNS": "300"})
        assert done.exit_code == 2
        assert complaint in done.output
    assert [path.name for path in tmp_path.iterdir()] == [net.name]
    assert net.read_bytes() == b"weights"


def test_a_finished_run_says_how_to_make_a_model_file() -> None:
    """Runs with a CRF layer, bands or depth too: export writes them."""
    expected = "make a model file with: pixelwise export 'my runs/a' -o model.onnx"
    assert next_command(Path("my runs/a")) == expected


@pytest.mark.parametrize(
    ("devices", "nodes", "places"),
    [(1, 1, ""), (2, 1, " --devices 2"), (1, 3, " --nodes 3"), (2, 3, " --devices 2 --nodes 3")],
)
def test_a_stopped_run_goes_on_in_as_many_processes(devices: int, nodes: int, places: str) -> None:
    expected = f"pixelwise train finetune -o 'my runs/a' --resume{places}"
    assert resume_command("finetune", Path("my runs/a"), devices, nodes) == expected


@pytest.mark.parametrize("saved", [True, False])
def test_a_run_that_is_interrupted_at_once_goes_on_from_its_last_checkpoint(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    def interrupted(self: Training, *_: object) -> None:
        self.path.mkdir()
        if saved:
            (self.path / checkpoint.LAST).touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "run", interrupted)
    arguments = ["train", "finetune", "--set", f"data=folder:{photos}", "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(main.app, arguments)
    assert done.exit_code == 130
    command = f"continue from the last one with: pixelwise train finetune -o {tmp_path / 'run'} --resume"
    assert (command in done.stderr) == saved


def test_eval_as_text_states_its_convention(model: Path, photos: Path) -> None:
    done = pixelwise("eval", model, "--data", f"folder:{photos}", "--split", "all")
    assert done.returncode == 0, done.stderr
    assert "mean IoU" in done.stdout
    assert "Convention: one confusion matrix over all pixels" in done.stdout


def test_eval_with_crf_and_trimap_as_json_and_as_text(model: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("03\n07\n")
    some = ("--data", f"folder:{photos}", "--split", "all", "--list", tmp_path / "some.txt", "--trimap")
    plain, refined = (
        json.loads(pixelwise("eval", model, *some, "--json", *crf).stdout)
        for crf in ((), ("--crf-preset", "deeplab"))
    )
    assert (plain["crf"], refined["crf"]) == (None, "deeplab")
    assert plain["images"] == refined["images"] == 2
    assert plain["mean_iou"] != refined["mean_iou"]
    assert [row["width"] for row in refined["class_borders"]["curve"]] == list(range(1, 41))
    assert [row["pixels"] for row in refined["trimap"]["curve"]] == [0] * 40  # no void in these labels
    band = refined["class_borders"]["curve"][4]
    assert band["pixels"] == 2 * 40 * 5 * 2  # two pictures of 40 rows, 5 pixels on each side

    shown = pixelwise("eval", model, *some, "--crf")
    assert shown.returncode == 0, shown.stderr
    assert "Refined with the CRF preset deeplab-coco." in shown.stdout
    assert "trimap: width" in shown.stdout
    row = next(line for line in shown.stdout.split("class borders: width")[1].splitlines() if " 800 " in line)
    assert row.split()[:2] == ["5", "800"]
    assert "Convention: class border band of width w" in shown.stdout


def test_segment_takes_the_exported_file(model: Path, photos: Path, tmp_path: Path) -> None:
    done = pixelwise("segment", photos / "images/00.png", "--model", model, "--output", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    areas = {entry["name"]: entry["area"] for entry in json.loads(done.stdout)["classes"]}
    assert sum(areas.values()) == pytest.approx(1)
    assert areas["wall"] > 0.2


@pytest.fixture
def boxed(tmp_path: Path) -> Path:
    """12 pictures with a bright square each and its box, loosely drawn, as labelImg writes it beside them."""
    rng = np.random.default_rng(0)
    for index in range(12):
        picture = rng.integers(0, 60, (48, 64, 3)).astype(np.uint8)
        top, left = (int(place) for place in rng.integers(4, 20, 2))
        picture[top : top + 24, left : left + 24] += 150
        Image.fromarray(picture).save(tmp_path / f"{index:02}.png")
        sides = {"xmin": left - 2, "ymin": top - 2, "xmax": left + 27, "ymax": top + 27}
        box = "".join(f"<{side}>{value}</{side}>" for side, value in sides.items())
        (tmp_path / f"{index:02}.xml").write_text(
            f"<annotation><filename>{index:02}.png</filename><size><width>64</width><height>48</height></size>"
            f"<object><name>square</name><bndbox>{box}</bndbox></object></annotation>"
        )
    (tmp_path / "classes.txt").write_text("background\nsquare\n")
    return tmp_path


def test_boxes_teach_a_net_the_objects_in_them(boxed: Path, tmp_path: Path) -> None:
    """Of a box's 30 x 30 pixels 24 x 24 are its object's: labels that filled the box would have IoU 64 %."""
    weak, run = tmp_path / "weak", tmp_path / "run"
    made = CliRunner().invoke(main.app, ["boxes-to-masks", f"voc:{boxed}", "-o", str(weak)])
    assert made.exit_code == 0, made.output
    rates = ("steps=80", "learning_rate=1e-2", "head_learning_rate=1e-2", "evaluate_every=40", "workers=0")
    assert run_squares(weak, run, *rates)
    predictor = load(run)
    judged = 0
    for path in sorted((weak / "val/images").iterdir()):
        photo = np.asarray(Image.open(path))
        truth, found = photo.min(2) >= 150, predictor(photo).labels == 1
        assert truth.sum() == 24 * 24
        assert (truth & found).sum() / (truth | found).sum() > 0.75
        judged += 1
    assert judged == 1  # every tenth, from the last


def test_check_accepts_good_data_and_prints_json(photos: Path) -> None:
    done = pixelwise("check", f"folder:{photos}", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {name: split["samples"] for name, split in report["splits"].items()} == {"train": 11, "val": 1}


def test_train_refuses_faulty_data_and_names_the_file(photos: Path, tmp_path: Path) -> None:
    root = tmp_path / "faulty"
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    (root / "classes.txt").write_text("ground\nsky\n")
    for index in range(3):
        Image.new("RGB", (4, 4), (index, 0, 0)).save(root / f"images/{index}.png")
        Image.fromarray(np.full((4, 4), index, np.uint8)).save(root / f"labels/{index}.png")
    checked = pixelwise("check", f"folder:{root}", "--split", "all")
    trained = pixelwise("train", "finetune", "--set", f"data=folder:{root}", "--output", tmp_path / "run")
    for done in (checked, trained):
        assert done.returncode == 1
        assert "the ids 2 (16 pixels, 100.0%) are out of range" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_the_name_of_a_preview_says_its_format() -> None:
    done = CliRunner().invoke(main.app, ["preview", "finetune", "-o", "notes.txt"], env={"COLUMNS": "300"})
    assert (done.exit_code, "ends in .png or .jpg or .jpeg" in done.output) == (2, True), done.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("train", "voc_fcn8z"), "there is no recipe"),
        (
            ("train", "finetune", "--set", "steps=0", "--set", "crop=x"),
            "crop must be a whole number, got x",
        ),
        (("export", "no_such_run"), "no_such_run is not a run folder"),
        (("eval", "default", "--data", "voc:nowhere"), "nowhere does not exist"),
        (("check", "nowhere"), "write KIND:PATH"),
    ],
)
def test_mistakes_get_one_clear_error(arguments: tuple[str, ...], complaint: str) -> None:
    done = pixelwise(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
