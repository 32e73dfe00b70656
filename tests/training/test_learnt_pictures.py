"""A model knows the pictures that it learnt from, and an evaluation on them says so."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from squares_runs import run_squares

from pixelwise import evaluate, export, load
from pixelwise.cli.crf_search_report import show as show_search
from pixelwise.cli.evaluation_report import show
from pixelwise.cli.export_report import show as show_export
from pixelwise.core.errors import TrainingError
from pixelwise.core.fingerprints import packed, unpacked
from pixelwise.crf.parameter_search import Ranges
from pixelwise.data import open_dataset
from pixelwise.data.checks.learnt_pictures import fingerprints_of
from pixelwise.evaluation.training_pictures import cautions
from pixelwise.training import checkpoint
from pixelwise.workflows.crf_search import prepare_search
from pixelwise.workflows.evaluating import report_on

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes


@pytest.fixture(scope="module")
def run(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("learnt") / "run"
    assert run_squares(squares, place, "steps=2", "workers=0")
    return place


def counted(model: Path | str, data: Path, split: str) -> int | None:
    return evaluate(str(model), f"folder:{data}", split).in_training


def test_training_pictures_are_known_and_others_are_not(run: Path, squares: Path) -> None:
    """The ids of both splits are the same: 0, 1 and so on."""
    assert counted(run, squares, "train") == 12
    assert counted(run, squares, "val") == 0


def test_they_are_known_under_other_names(run: Path, squares: Path, tmp_path: Path) -> None:
    shutil.copytree(squares / "train/images", tmp_path / "images")
    shutil.copytree(squares / "train/labels", tmp_path / "labels")
    shutil.copy(squares / "classes.txt", tmp_path)
    for kind in ("images", "labels"):
        for number in range(12):
            (tmp_path / f"{kind}/{number}.png").rename(tmp_path / f"{kind}/of_others_{number}.png")
    with Image.open(tmp_path / "images/of_others_0.png") as picture:
        picture.rotate(180).save(tmp_path / "images/of_others_0.png")
    assert counted(run, tmp_path, "all") == 11


def test_pictures_of_voc_and_camvid_are_known_in_any_size(squares: Path, tmp_path: Path) -> None:
    """By their ids, which others do not have."""
    names = ["2007_000032", "0001TP_006690", "Seq05VD_f00000", "2007_32", "7"]
    for side in (40, 20):
        for kind in ("images", "labels"):
            (tmp_path / f"{side}/{kind}").mkdir(parents=True)
            for name in names:
                picture = Image.new("RGB" if kind == "images" else "L", (side, side))
                picture.save(tmp_path / f"{side}/{kind}/{name}.png")
        (tmp_path / f"{side}/classes.txt").write_text("ground\nsquare\n")
    large, small = (
        fingerprints_of(open_dataset(f"folder:{tmp_path / side}", "all")) for side in ("40", "20")
    )
    assert len(large) == len(small) == 5
    assert sum(not set().union(*large).isdisjoint(one) for one in small) == 3


def test_an_exported_model_knows_them_too(run: Path, squares: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "model.onnx")
    assert counted(tmp_path / "model.onnx", squares, "train") == 12
    assert "learnt_from" not in repr(load(tmp_path / "model.onnx").info)


def test_a_run_knows_the_pictures_of_the_model_it_starts_from(
    run: Path, squares: Path, tmp_path: Path
) -> None:
    """Half of the pictures, after all of them; and after a bundled model."""
    half = tmp_path / "half"
    shutil.copytree(squares, half)
    for kind in ("images", "labels"):
        for number in range(6):
            (half / f"train/{kind}/{number}.png").unlink()
    assert run_squares(half, tmp_path / "alone", "steps=1", "workers=0")
    assert counted(tmp_path / "alone", squares, "train") == 6
    assert run_squares(half, tmp_path / "next", f"init_from={run}", "steps=1", "workers=0")
    assert counted(tmp_path / "next", squares, "train") == 12
    assert run_squares(half, tmp_path / "next", f"init_from={run}", "steps=2", "workers=0", resume=True)
    assert counted(tmp_path / "next", squares, "train") == 12
    bundled = unpacked(load("default").info.learnt_from)
    settings = (
        "init_from=default",
        "backbone=efficientnet_lite2",
        "backbone_weights=package",
        "steps=1",
        "workers=0",
        "context=128",
    )
    assert run_squares(half, tmp_path / "fine", *settings, "hidden=64")
    known = unpacked(checkpoint.load(tmp_path / "fine" / checkpoint.LAST).learnt_from)
    assert known == bundled.union(*fingerprints_of(open_dataset(f"folder:{half}", "train")))


def test_a_resumed_run_says_that_pictures_were_added(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(squares, tmp_path / "data")
    for steps in ("steps=1", "steps=2"):
        assert run_squares(tmp_path / "data", tmp_path / "run", steps, "workers=0", resume=steps == "steps=2")
    assert "new or have changed" not in capsys.readouterr().err
    for kind in ("images", "labels"):
        with Image.open(tmp_path / f"data/train/{kind}/0.png") as picture:
            picture.rotate(180).save(tmp_path / f"data/train/{kind}/new.png")
    assert run_squares(tmp_path / "data", tmp_path / "run", "steps=3", "workers=0", resume=True)
    said = "note: 1 of 13 training pictures are new or have changed since this run was started"
    assert said in capsys.readouterr().err
    last = checkpoint.load(tmp_path / "run" / checkpoint.LAST)
    now = open_dataset(f"folder:{tmp_path / 'data'}", "train")
    assert unpacked(last.learnt_from) == set().union(*fingerprints_of(now))


def test_nothing_is_said_of_what_nobody_knows(run: Path, tmp_path: Path) -> None:
    """Arrays have no files, and a model of before has no record."""
    arrays = [(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8))]
    assert evaluate(str(run), arrays, class_names=["ground", "square"]).in_training is None
    predictor = load(run)
    predictor.info = dataclasses.replace(predictor.info, learnt_from="")
    judged = evaluate(predictor, arrays, class_names=["ground", "square"])
    assert judged.in_training is None
    assert cautions(judged.to_dict()) == []


def test_the_command_and_the_page_caution(
    run: Path, squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = "Caution: the model learnt from 12 of these 12 images."
    result = report_on(str(run), f"folder:{squares}", "train", report=tmp_path / "report")
    show(result)
    assert sentence in " ".join(capsys.readouterr().out.split())
    assert sentence in (tmp_path / "report/index.html").read_text(encoding="utf-8")
    show(report_on(str(run), f"folder:{squares}", "val", report=tmp_path / "other"))
    assert "Caution" not in capsys.readouterr().out + (tmp_path / "other/index.html").read_text("utf-8")


def test_a_search_for_the_crf_and_an_export_caution_too(
    run: Path, squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split, said in (("train", True), ("val", False)):
        few = Ranges((5, 10, 5), (50, 100, 50), (3, 10, 7))
        show_search(prepare_search(run, f"folder:{squares}", tmp_path / f"{split}.json", split, ranges=few))
        searched = " ".join(capsys.readouterr().out.split())
        assert ("learnt from 12 of these 12 images. These parameters" in searched) == said
        assert json.loads((tmp_path / f"{split}.json").read_text())["search"]["in_training"] == 12 * said
        data = f"folder:{squares}"
        show_export(export(run, tmp_path / f"{split}.onnx", precision="float16", data=data, split=split))
        exported = " ".join(capsys.readouterr().out.split())
        assert ("learnt from 12 of these 12 images. What this costs" in exported) == said


def test_a_checkpoint_with_a_damaged_record_is_refused(run: Path, tmp_path: Path) -> None:
    state = checkpoint.load(run / checkpoint.LAST)
    checkpoint.save(dataclasses.replace(state, learnt_from="x"), tmp_path / checkpoint.LAST)
    with pytest.raises(TrainingError, match=r"last\.pt is damaged: fingerprints"):
        checkpoint.load(tmp_path / checkpoint.LAST)
    assert state.learnt_from == packed(unpacked(state.learnt_from))
