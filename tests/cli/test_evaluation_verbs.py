"""eval's report and views, compare, upper-bound and time, as a user calls them."""

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from pixelwise.cli import compare, timing, upper_bound
from pixelwise.cli.main import app
from pixelwise.data.sources.voc import VOC_CLASSES

Invoke = Callable[[str], Result]


@pytest.fixture
def invoke(bundled: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command line in a folder with data, where the tiny model is the default."""
    write(tmp_path / "my_images/images", tmp_path / "my_images/labels")
    (tmp_path / "my_images/classes.txt").write_text("background\nred\ngreen\n")
    write(tmp_path / "VOC2012/JPEGImages", tmp_path / "VOC2012/SegmentationClass")
    (tmp_path / "VOC2012/lists").mkdir()
    (tmp_path / "VOC2012/lists/val.txt").write_text("0\n1\n2\n")
    monkeypatch.chdir(tmp_path)
    return lambda line: CliRunner().invoke(app, shlex.split(line))


def write(images: Path, labels: Path) -> None:
    """Twelve pictures: green left of a border, red right of it, the labels a few pixels off."""
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    for index in range(12):
        image = np.zeros((24, 40, 3), np.uint8)
        image[:, : 10 + index, 1] = image[:, 10 + index :, 0] = 250
        Image.fromarray(image).save(
            images / f"{index}.png" if images.name == "images" else images / f"{index}.jpg"
        )
        mask = np.full((24, 40), 2, np.uint8)
        mask[:, 10 + index + index % 4 :] = 1
        mask[:, 3] = 255
        Image.fromarray(mask).save(labels / f"{index}.png")


EVALUATE = "eval default --data folder:my_images --split all"


@pytest.mark.slow
def test_every_verb_ends_with_two_examples_that_succeed(invoke: Invoke) -> None:
    assert invoke(f"{EVALUATE} --report reports/plain").exit_code == 0
    assert invoke(f"{EVALUATE} --crf --report reports/crf").exit_code == 0
    for verb in (compare, upper_bound, timing):
        assert len(verb.EXAMPLES) == 2
        for example in verb.EXAMPLES:
            result = invoke(example.removeprefix("pixelwise "))
            assert result.exit_code == 0, (example, result.output)


@pytest.mark.slow
def test_a_report_is_a_page_and_a_record_of_what_json_prints(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke(f"{EVALUATE} --flip --report out/report --json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert json.loads((tmp_path / "out/report/evaluation.json").read_text()) == printed
    assert (printed["model"], printed["crf"]) == ("default", None)
    assert printed["data"] == "folder:my_images all"
    assert printed["views"] == "single scale and mirrored, probabilities averaged"
    assert {"trimap", "boundary", "calibration", "sizes"} <= printed.keys()
    assert "report: out/report/index.html" in result.stderr
    assert "single scale and mirrored" in (tmp_path / "out/report/index.html").read_text()


def test_text_has_intervals_both_conventions_and_what_was_looked_at(invoke: Invoke) -> None:
    shown = invoke(f"{EVALUATE} --scales 0.5,1 --boundary")
    assert shown.exit_code == 0, shown.output
    for expected in (
        *("95 % interval", "precision %", "mean IoU of true classes", "mean boundary F1"),
        *("12 images, scales 0.5, 1, probabilities averaged.", "bootstrap resamples of the images"),
    ):
        assert expected in shown.stdout
    assert "trimap" not in shown.stdout


def test_a_blank_stands_between_a_name_and_100_per_cent(invoke: Invoke) -> None:
    shown = invoke("eval masks:my_images/labels --data folder:my_images --split all --boundary").stdout
    names = ("pixel accuracy", "mean IoU", "mean IoU of true classes", "mean boundary IoU")
    assert [f"{name:24} 100.00 %" in shown for name in names] == [True] * 4, shown


def test_compare_takes_what_json_printed_and_marks_sure_differences(invoke: Invoke, tmp_path: Path) -> None:
    plain = json.loads(invoke(f"{EVALUATE} --json").stdout)
    (tmp_path / "a.json").write_text(json.dumps(plain))
    for entry in plain["per_image"]:  # a better model: no pixel of class 1 is missed any more
        for counts in entry["counts"]:
            counts[1] = counts[3] = counts[2]
    (tmp_path / "b.json").write_text(json.dumps({**plain, "model": "better"}))
    shown = invoke("compare a.json b.json")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[:3] == ["A: default (single scale)", "B: better (single scale)", "12 images"]
    row = next(line for line in lines if line.startswith("mean IoU")).split()
    assert float(row[2]) > 90 and row[3] == "100.00"
    assert "*" in row and row[-2:] == ["100", "%"]
    assert "Images that gained most" in shown.stdout
    assert "Images that lost most" not in shown.stdout
    assert "paired bootstrap" in lines[-1]
    row = json.loads(invoke("compare a.json a.json --json").stdout)["metrics"]["mean_iou"]
    assert row["difference"] == 0


def test_upper_bound_sets_voc_beside_the_paper_and_other_data_by_itself(invoke: Invoke) -> None:
    shown = invoke("upper-bound voc:VOC2012")
    assert shown.exit_code == 0, shown.output
    paper = next(line for line in shown.stdout.splitlines() if line.startswith("the paper"))
    assert paper.split() == ["the", "paper", "50.9", "73.3", "86.1", "92.8", "96.4", "98.5"]
    assert len([line for line in shown.stdout.splitlines() if "bilinear" in line]) == 13
    assert len(VOC_CLASSES) == 21
    other = invoke("upper-bound folder:my_images --split all --factors 1,4")
    assert "paper" not in other.stdout
    record = json.loads(invoke("upper-bound folder:my_images --split all --factors 1,4 --json").stdout)
    assert (record["images"], record["factors"]) == (12, [1, 4])
    for row in record["conventions"]:
        whole, coarse = row["mean_iou"]
        # The squares lie on the coarse grid, so shares of its cells give them back exactly.
        assert whole == 1 >= coarse
        assert (coarse == 1) == (row["reduce"] == "shares")


def test_time_names_stages_sizes_and_threads(invoke: Invoke) -> None:
    shown = invoke("time default --size 60x96 --runs 2 --threads 1")
    assert shown.exit_code == 0, shown.output
    heading, *lines = shown.stdout.splitlines()[:-1]
    assert heading.split() == ["ms", "mean", "median", "quartiles"]
    stages = [line.split("  ")[0] for line in lines]
    assert stages == ["read", "preprocess", "net", "label", "file to labels"]
    assert shown.stdout.splitlines()[-1].startswith("60x96 pixels, scored at 40x64, single scale, 1 thread;")
    record = json.loads(
        invoke("time default --size 60x96 --runs 1 --long-side 96 --crf --flip --json").stdout
    )
    assert (record["size"], record["scored_size"]) == ([60, 96], [60, 96])
    assert "CRF" in record["stages"]
    assert record["views"].startswith("single scale and mirrored")


@pytest.mark.parametrize(
    ("line", "code", "complaint"),
    [
        (f"{EVALUATE} --scales 1,x", 2, "expected numbers such as 0.75,1,1.25, got '1,x'"),
        (f"{EVALUATE} --scales 9", 2, "a scale lies between 0.1 and 4, got 9"),
        ("time default --size 500", 2, "expected HEIGHTxWIDTH"),
        ("time default --size 0x500", 2, "expected HEIGHTxWIDTH"),
        ("time default --long-side 200000", 2, "--long-side"),
        ("upper-bound folder:my_images --factors 4,0", 2, "expected whole numbers from 1 to 4096, got 4,0"),
        (
            "compare nothing.json nothing.json",
            1,
            "error: the evaluation nothing.json cannot be read: No such file",
        ),
        ("compare my_images my_images", 1, "hint:  make one with: pixelwise eval"),
    ],
)
def test_wrong_usage_is_told_without_a_traceback(
    invoke: Invoke, line: str, code: int, complaint: str
) -> None:
    result = invoke(line)
    assert result.exit_code == code
    assert complaint in " ".join(result.stderr.replace("│", " ").split()).replace("hint: make", "hint:  make")
    assert "Traceback" not in result.stderr


def test_a_report_that_cannot_be_written_is_an_error_before_the_work(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    result = invoke(f"{EVALUATE} --report taken/report")
    assert result.exit_code == 1
    assert "error: cannot make the report's folder taken/report: Not a directory" in result.stderr


def test_a_report_s_folder_that_may_not_be_written_into_is_told_before_the_work(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").mkdir(mode=0o500)
    if os.access("shared", os.W_OK):  # as the superuser may
        monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    monkeypatch.setattr("pixelwise.evaluation.evaluation.evaluate", None)
    result = invoke(f"{EVALUATE} --report shared")
    assert result.exit_code == 1
    assert "error: the report's folder shared is not writable" in result.stderr


def test_labels_without_a_known_pixel_have_no_upper_bound(invoke: Invoke, tmp_path: Path) -> None:
    for path in (tmp_path / "my_images/labels").iterdir():
        Image.fromarray(np.full((24, 40), 255, np.uint8)).save(path)
    result = invoke("upper-bound folder:my_images")
    assert result.exit_code == 1
    assert "no pixel of these images has a label" in result.stderr


def test_pictures_are_judged_at_the_size_that_was_asked_for(invoke: Invoke) -> None:
    def views(options: str) -> str:
        return str(json.loads(invoke(f"{EVALUATE} --json {options}").stdout)["views"])

    assert views("") == "single scale"
    assert views("--long-side 32") == "single scale, at a long side of at most 32 pixels"
    assert views("--tiles 32") == "single scale, in tiles (32)"
    refused = invoke("eval masks:my_images/labels --data folder:my_images --split all --tiles 32")
    assert refused.exit_code == 2
    assert "Invalid value for --tiles: tiles: masks are judged as they are" in refused.stderr
    refused = invoke("eval default --data folder:my_images --allow-missing")
    assert "Invalid value for --allow-missing: allow_missing is for masks:FOLDER" in refused.stderr
