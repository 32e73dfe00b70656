"""The command: what it prints, its exit codes, its examples, and that it needs no torch."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import verdicts
from PIL import Image
from tiny_model import tiny_model
from typer.testing import CliRunner, Result

from pixelwise import __version__
from pixelwise.cli import segment as verb
from pixelwise.cli.main import app
from pixelwise.core.classes import Classes
from pixelwise.crf import PRESETS
from pixelwise.inference.crf_refiner import DEFAULT_PRESET
from pixelwise.inference.loading import load
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.predictor import Predictor

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

EXAMPLES = Path(__file__).parents[2] / "examples"
HOSTILE_CLASSES = Classes.named(("background", "red\x1b[5m", "green\rblue", "blue\x9b"))


@pytest.fixture
def invoke(
    bundled: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Result]:
    """Run a command line in a folder with examples/ and photos/, two photos each, where the tiny model is the
    default.
    """
    for folder in ("examples", "photos"):
        (tmp_path / folder).mkdir()
        for name in ("README.md", "astronaut.png", "chelsea.png"):
            shutil.copy(EXAMPLES / name, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return lambda line: CliRunner().invoke(app, shlex.split(line))


def test_help_ends_with_examples_that_work(invoke: Callable[[str], Result], tmp_path: Path) -> None:
    shown = invoke("segment --help").stdout
    assert len(verb.EXAMPLES) == 2
    assert [line.strip() for line in shown.splitlines() if line.strip()][-2:] == list(verb.EXAMPLES)
    for example in verb.EXAMPLES:
        result = invoke(example.removeprefix("pixelwise "))
        assert result.exit_code == 0, result.output
    assert (tmp_path / "segmentation" / "chelsea_overlay.jpg").exists()
    assert (tmp_path / "results" / "astronaut_cutout.png").exists()


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"pixelwise {__version__}\n"


def test_json_holds_one_object_per_picture(invoke: Callable[[str], Result]) -> None:
    result = invoke("segment examples/chelsea.png examples/none.png --json --save mask,probabilities")
    assert result.exit_code == 1
    good, bad = map(json.loads, result.stdout.splitlines())
    assert set(good) == {
        *("path", "height", "width", "scored_height", "scored_width", "classes", "uncertainty"),
        *("seconds", "outputs", "notes", "skipped"),
    }
    assert (good["path"], good["height"], good["width"]) == ("examples/chelsea.png", 300, 451)
    assert (good["scored_height"], good["scored_width"]) == (43, 64)
    assert good["notes"] == ["scored on a copy reduced to 64x43"]
    for entry in good["classes"]:
        assert set(entry) == {"id", "name", "area", "confidence"}
        assert 0 < entry["area"] <= 1
        assert 0 < entry["confidence"] <= 1
    assert sum(entry["area"] for entry in good["classes"]) == pytest.approx(1)
    assert good["outputs"] == {
        "mask": "segmentation/chelsea_mask.png",
        "probabilities": "segmentation/chelsea_probabilities.npz",
    }
    assert bad == {"path": "examples/none.png", "error": "examples/none.png: no such file or folder"}
    assert "error: examples/none.png: no such file or folder\n" in result.stderr


def test_the_table_names_classes_with_area_and_confidence(invoke: Callable[[str], Result]) -> None:
    lines = invoke("segment examples/chelsea.png").stdout.splitlines()
    assert lines[0].startswith("examples/chelsea.png  (451x300, scored on a copy reduced to 64x43, ")
    assert lines[1].split() == ["class", "area", "confidence"]
    name, area, confidence = lines[2].split()
    assert (name, area[-1], confidence[-1]) == ("red", "%", "%")
    assert lines[-2:] == ["  segmentation/chelsea_mask.png", "  segmentation/chelsea_overlay.jpg"]


def test_many_pictures_get_a_line_each_and_a_summary(invoke: Callable[[str], Result], tmp_path: Path) -> None:
    for index in range(4):
        Image.new("RGB", (9, 9), "blue").save(tmp_path / "photos" / f"{index}.png")
    result = invoke("segment photos --threads 2")
    assert len(result.stdout.splitlines()) == 6
    assert result.stdout.startswith("photos/0.png  (9x9, ")
    assert "blue 100.0% (9" in result.stdout
    assert result.stderr.startswith("6 segmented; ")
    assert "6 finished before (--overwrite makes them again)" in invoke("segment photos").stderr


def test_pictures_share_the_threads_there_are(
    invoke: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(model: str, threads: int, *rest: Any, **named: Any) -> Predictor:
        each.append(threads)
        return load(model, 1, *rest, **named)

    each: list[int] = []
    monkeypatch.setattr("pixelwise.inference.loading.load", loaded)
    for options in ("chelsea.png --threads 8", "*.png --threads 8", "*.png --threads 3", "*.png --threads 1"):
        assert invoke(f"segment examples/{options}").exit_code == 0
    assert each == [8, 8 // 2, 3 // 2, 1]
    assert "1024" in invoke("segment examples --threads 1025").stderr


def test_crf_refines_and_another_preset_makes_new_results(
    invoke: Callable[[str], Result], tmp_path: Path
) -> None:
    def run(options: str) -> dict[str, Any]:
        result = invoke(f"segment examples/chelsea.png --json --save mask {options}")
        assert result.exit_code == 0, result.stderr
        record: dict[str, Any] = json.loads(result.stdout)
        return record

    plain = run("")
    refined = run("--crf")
    assert refined["notes"] == ["scored on a copy reduced to 64x43", "refined"]
    assert refined["classes"] != plain["classes"]
    assert run("--crf")["skipped"]
    assert not run("--crf-preset densecrf")["skipped"]
    (tmp_path / "mine.json").write_text(PRESETS["densecrf"].to_json())
    assert run("--crf-preset mine.json")["skipped"]  # the same parameters


def test_the_help_names_all_presets(invoke: Callable[[str], Result]) -> None:
    shown = " ".join(invoke("segment --help").stdout.split())
    assert all(name in shown for name in PRESETS)
    assert f"{DEFAULT_PRESET} (the default)" in shown


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("segment", 2, "Missing argument"),
        (
            "segment examples --save masks",
            2,
            "expected kinds among mask, overlay, cutout, confidence, probabilities, geotiff, labelme,",
        ),
        ("segment examples --threads 0", 2, "--threads"),
        ("segment examples --nonsense", 2, "--nonsense"),
        (
            "segment examples --model voc",
            1,
            'error: no model "voc", neither bundled nor a file\nhint:  bundled',
        ),
        ("segment examples --output examples/README.md", 1, "error: examples/README.md: expected a folder"),
        ("segment examples --crf-preset sharp", 1, "error: no CRF preset sharp, neither a name nor a file"),
        ("segment missing.png", 1, "error: missing.png: no such file or folder"),
    ],
)
def test_exit_codes(invoke: Callable[[str], Result], line: str, code: int, message: str) -> None:
    result = invoke(line)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr


def test_unexpected_errors_take_one_line_unless_debugging(
    invoke: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.workflows.segmenting.plan", lambda *_, **__: 1 / 0)
    short = invoke("segment examples")
    assert short.exit_code == 1
    assert short.stderr.splitlines() == [
        "error: unexpected ZeroDivisionError: division by zero",
        "hint:  run again with --debug for the traceback",
    ]
    assert "Traceback" in invoke("--debug segment examples").stderr


def run_python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_base_tier_needs_no_torch(model_path: Path, tmp_path: Path) -> None:
    code = """
import sys
for name in ("torch", "torchvision", "timm", "onnx", "lightning_fabric", "scipy"):
    sys.modules[name] = None
import pixelwise
from pixelwise.cli.main import app
print(pixelwise.load(sys.argv[1], threads=1)(sys.argv[2]).areas()[0].name)
app(["segment", sys.argv[2], "--model", sys.argv[1], "--output", sys.argv[3]], standalone_mode=False)
"""
    shown = run_python(code, str(model_path), str(EXAMPLES / "chelsea.png"), str(tmp_path / "out"))
    assert shown.startswith("red\n")
    assert (tmp_path / "out" / "chelsea_mask.png").exists()


def test_import_and_help_load_nothing_heavy() -> None:
    code = """
import sys, pixelwise, pixelwise.cli.main
heavy = {"numpy", "PIL", "onnxruntime", "torch", "rich"} & set(sys.modules)
assert not heavy, heavy
assert {"load", "Predictor", "Segmentation"} <= set(dir(pixelwise))
"""
    run_python(code)


STEERED = """
import os, signal, sys, threading, time
from pixelwise.inference.engines.onnx import OnnxEngine
scores, lock, begun = OnnxEngine.coarse_scores, threading.Lock(), 0
forever = os.environ.get("FOREVER")

def steered(self, image):
    global begun
    with lock:
        begun += 1
        if begun == 4:
            os.write(1, b"scoring\\n")
            while signal.getsignal(signal.SIGINT) != signal.SIG_DFL:  # until Ctrl-C has come
                time.sleep(0.005)
            os.write(1, b"interrupted\\n")
            if forever:
                threading.Event().wait()
        return scores(self, image)

OnnxEngine.coarse_scores = steered
from pixelwise.cli.main import main
main()
"""


def start_steered(model: Path, folder: Path, output: Path, forever: str = "") -> "subprocess.Popen[str]":
    """`pixelwise segment` of 20 pictures that says on stdout when it waits, at the fourth, for Ctrl-C."""
    folder.mkdir()
    for index in range(20):
        Image.new("RGB", (30, 20), "red").save(folder / f"{index:02}.png")
    options = ["--model", str(model), "--output", str(output), "--engine", "onnxruntime", "--threads", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", STEERED, "segment", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"FOREVER": forever},
    )
    wait_for("scoring", process)
    return process


def wait_for(word: str, process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert any(line.strip() == word for line in iter(process.stdout.readline, ""))


def test_interrupting_leaves_finished_files_and_exits_130(model_path: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    process = start_steered(model_path, tmp_path / "in", output)
    os.kill(process.pid, signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert (process.returncode, messages) == (130, "interrupted; finished files stay\n")
    assert not list(output.rglob("*.partial"))
    masks = list(output.rglob("*_mask.png"))
    assert 3 <= len(masks) <= 3 + 2 * 2  # three were finished, and two threads look two pictures ahead
    for path in masks:
        with Image.open(path) as mask:
            mask.load()


def test_a_second_interrupt_ends_the_process_at_once(model_path: Path, tmp_path: Path) -> None:
    process = start_steered(model_path, tmp_path / "in", tmp_path / "out", forever="yes")
    os.kill(process.pid, signal.SIGINT)
    wait_for("interrupted", process)
    os.kill(process.pid, signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert (process.returncode, messages) == (-signal.SIGINT, "")


@pytest.mark.parametrize("closed", ["stdout", "stderr", "stderr's reader"])
def test_a_closed_stream_loses_no_results(closed: str, model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "c.png", "d.png"):
        Image.new("RGB", (6, 4), "red").save(tmp_path / "in" / name)
    (tmp_path / "in" / "b.png").write_text("no picture")
    reader, writer = os.pipe()
    os.close(reader)

    def close() -> None:
        if closed == "stderr's reader":
            os.dup2(writer, 2)
        else:
            os.close(1 if closed == "stdout" else 2)

    options = ["--model", str(model_path), "--engine", "onnxruntime", "--json", "--save", "mask"]
    done = subprocess.run(
        [sys.executable, "-m", "pixelwise", "segment", "in", *options],
        cwd=tmp_path,
        capture_output=True,
        preexec_fn=close,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 1  # for b.png
    made = sorted(path.name for path in (tmp_path / "segmentation").glob("*.png"))
    assert made == ["a_mask.png", "c_mask.png", "d_mask.png"]
    assert len(done.stdout.splitlines()) == (0 if closed == "stdout" else 4)
    assert (b"b.png: expected an image, got text" in done.stderr) == (closed == "stdout")


def test_names_from_strangers_reach_the_terminal_escaped(tmp_path: Path) -> None:
    onnx_info = ModelInfo("evil\x1b[2J", HOSTILE_CLASSES, 64, {"scale": "1/32"}, {"recipe": "by hand"})
    (tmp_path / "m.onnx").write_bytes(tiny_model(onnx_info.to_metadata()))
    for name in ("a\x1b[31m.png", "b\rerror: c.png", "d\x07.png", "e.png"):
        Image.new("RGB", (6, 4), "red").save(tmp_path / name)
    (tmp_path / "f\x1b]0;x\x07.png").touch()
    (tmp_path / "--g\x1b[31m").touch()
    shown = ["a\x1b[31m.png", "b\rerror: c.png", "d\x07.png", "f\x1b]0;x\x07.png"]
    for inputs in (shown, shown[:1], ["nothing\x1b[31m"]):
        for options in ([], ["--json"]):
            outcome = verdicts.run(
                ["segment", *inputs, "--model", "m.onnx", "--engine", "onnxruntime", *options], tmp_path
            )
            assert verdicts.broken_rules(outcome) == []
    usage = verdicts.run(["segment", "--g\x1b[31m"], tmp_path)
    assert (usage.code, "\x1b" in usage.stderr, "--g\\x1b[31m" in usage.stderr) == (2, False, True)
    named = ["segment", "e.png", "--model", "m.onnx", "--engine", "onnxruntime"]
    assert "red\\x1b[5m" in verdicts.run(named, tmp_path).stdout


def test_what_is_left_out_is_named_at_the_end_with_a_count(
    invoke: Callable[[str], Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    frames = [Image.new("RGB", (6, 4), color) for color in ("red", "blue", "green")]
    for name in ("a.gif", "b.gif"):
        frames[0].save(tmp_path / "photos" / name, save_all=True, append_images=frames[1:])
    for name in ("c.MOV", "d.mp4", "e.nef", "f.eps", "notes.txt", ".hidden.mp4"):
        (tmp_path / "photos" / name).write_bytes(b"x")
    (tmp_path / "photos" / "round").symlink_to(tmp_path / "photos")
    result = invoke("segment photos --save mask")
    assert result.exit_code == 0
    assert result.stdout.count("only the first frame") == 2
    assert sorted(result.stderr.splitlines()[1:]) == [
        "not segmented: further frames or pages of files: 2 (photos/a.gif, photos/b.gif): "
        "--frames all segments them too",
        "not segmented: links to folders: 1 (photos/round)",
        "not segmented: pictures of other formats: 1 (photos/f.eps)",
        "not segmented: raw photos: 1 (photos/e.nef): convert them to JPEG or TIFF",
        'not segmented: videos: 2 (photos/c.MOV, photos/d.mp4): pip install "pixelwise[video]"',
    ]


def test_scores_that_are_no_numbers_are_refused_with_the_picture_named(
    invoke: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in (float("nan"), float("inf"), float("-inf")):
        monkeypatch.setattr(
            "pixelwise.inference.engines.onnx.OnnxEngine.coarse_scores",
            lambda self, image, value=value: np.full((4, *image.shape[:2]), value, np.float32),
        )
        for options in ("", "--json", "--crf"):
            result = invoke(f"segment examples/chelsea.png --engine onnxruntime --overwrite {options}")
            assert result.exit_code == 1
            assert 'error: examples/chelsea.png: model "tiny" gives NaN or infinite scores' in result.stderr
            if options == "--json":
                assert set(json.loads(result.stdout)) == {"path", "error"}


def test_a_list_names_the_pictures_and_depth_is_for_models_that_see_it(
    invoke: Callable[[str], Result], tmp_path: Path
) -> None:
    (tmp_path / "some.txt").write_text("chelsea\n")
    done = invoke("segment photos --list some.txt --json")
    assert [Path(json.loads(line)["path"]).name for line in done.stdout.splitlines()] == ["chelsea.png"]
    (tmp_path / "some.txt").write_text("chelsea\nunknown\n")
    wrong = invoke("segment photos --list some.txt")
    assert wrong.exit_code == 1 and "lists 1 picture not among the inputs, such as unknown" in wrong.output
    depth = invoke("segment photos --depth photos")
    assert depth.exit_code == 1
    assert "takes image, not depth\nhint:  leave out --depth" in depth.output


def test_a_submission_of_other_classes_or_another_ending_is_refused(invoke: Callable[[str], Result]) -> None:
    wrong = invoke("segment photos --submission results.tgz")
    assert wrong.exit_code == 1 and "neither the 21 of PASCAL VOC" in wrong.output
    assert invoke("segment photos --submission results.zip").exit_code == 2


def test_labels_are_cleaned_and_results_of_another_cleaning_are_not_reused(
    invoke: Callable[[str], Result],
) -> None:
    def names(options: str) -> tuple[list[str], bool]:
        record = json.loads(invoke(f"segment examples/astronaut.png --json {options}").stdout)
        return [entry["name"] for entry in record["classes"]], record["skipped"]

    plain, _ = names("")
    assert len(plain) > 2
    found = next(name for name in plain if name != "background")
    kept, skipped = names(f"--only {found}")
    assert (sorted(kept), skipped) == (sorted(["background", found]), False)
    assert names(f"--only {found}")[1], "the same cleaning is reused"
    kept, skipped = names("--min-region 100%")
    assert (kept, skipped) == ([found], False), "all joins the largest region that is not background"
    for wrong in ("lots", "200%", "-1", "nan"):
        refused = invoke(f"segment examples --min-region {wrong}")
        assert (refused.exit_code, "--min-region" in refused.stderr) == (2, True)
    empty = invoke("segment examples --only ,")
    assert (empty.exit_code, "--only" in empty.stderr) == (2, True)
    unknown = invoke("segment examples --only zebra")
    assert (unknown.exit_code, "no class is called zebra" in unknown.stderr) == (1, True)
