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

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from pixelwise import __version__
from pixelwise.cli import segment as verb
from pixelwise.cli.main import app
from pixelwise.crf import PRESETS
from pixelwise.inference.predictor import Predictor, load
from pixelwise.inference.refiner import DEFAULT_PRESET

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def invoke(
    bundled: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Result]:
    """Run a command line in a folder with examples/ and photos/, where the tiny model is the default."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    shutil.copytree(EXAMPLES, tmp_path / "photos")
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
        *("path", "height", "width", "scored_height", "scored_width", "classes", "seconds"),
        *("outputs", "notes", "skipped"),
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
    monkeypatch.setattr("pixelwise.inference.predictor.load", loaded)
    for options in ("chelsea.png --threads 8", "*.png --threads 8", "*.png --threads 3", "*.png --threads 1"):
        assert invoke(f"segment examples/{options}").exit_code == 0
    assert each == [8, 8 // 2, 3 // 2, 1]
    assert "1024" in invoke("segment examples --threads 1025").stderr


def test_crf_refines_and_another_preset_makes_results_anew(
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
        ("segment examples --save masks", 2, "expected any of mask,overlay,cutout,probabilities, got masks"),
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
    monkeypatch.setattr("pixelwise.inference.directory.plan", lambda *_: 1 / 0)
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


def test_interrupting_leaves_finished_files_and_exits_130(model_path: Path, tmp_path: Path) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for index in range(400):
        Image.effect_noise((300, 300), 50).convert("RGB").save(folder / f"{index:03}.png", compress_level=0)
    command = [sys.executable, "-m", "pixelwise", "segment", str(folder), "--model", str(model_path)]
    process = subprocess.Popen(
        [*command, "--output", str(output)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    os.kill(process.pid, signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert (process.returncode, messages) == (130, "interrupted; finished files stay\n")
    assert not list(output.rglob("*.partial"))
    masks = list(output.rglob("*_mask.png"))
    assert 1 <= len(masks) < 400
    for path in masks:
        with Image.open(path) as mask:
            mask.load()
