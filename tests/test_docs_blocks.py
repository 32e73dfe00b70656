"""The Python blocks of README, CONTRIBUTING and the docs, and quick commands, run as they are printed."""

import importlib.util
import math
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import pixelwise
from pixelwise.cli import main
from pixelwise.inference import bundled_names
from pixelwise.models import registry

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUNS_COMMANDS = ("tutorials/segment.md", "tutorials/own_net.md", "tutorials/evaluation.md")
SLOW = ("quantize_static", "quantize_dynamic")
NOT_RUN = {
    "tutorials/correct_and_train.md: 2. Correct": "a test of its own, of the whole loop",
    "tutorials/correct_and_train.md: 4. Check and train": "a test of its own, of the whole loop",
    "docs/service.md: From Python": "a test of its own, with a service",
    "how_to/cluster.md: A cluster": "tests of its own, with a cluster",
    "tutorials/whole_way.md: The whole way in Python": "a file with a test of its own",
    "docs/models.md: Your own classifier": "downloads weights",
    "docs/training.md: Weights & Biases, MLflow": "a test of its own, with stand-ins for the trackers",
    "docs/evaluation.md: The figure of `default`": "needs VOC",
}


def sections() -> Iterator[object]:
    """(page, heading, blocks) of each section with Python in it; a block is its language and its text."""
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))):
        name = f"{page.parent.name}/{page.name}"
        for section in re.split(r"^## ", page.read_text(), flags=re.MULTILINE):
            heading = section.partition("\n")[0].strip("# ")
            blocks = FENCED.findall(section)
            if any(lang == "python" for lang, _ in blocks) and f"{name}: {heading}" not in NOT_RUN:
                marks = [pytest.mark.slow] if any(word in section for word in SLOW) else []
                yield pytest.param(name, blocks, id=f"{name}: {heading}", marks=marks)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tutorials take for granted: photo.jpg, photo.png, mine.onnx and my_images."""
    place = tmp_path_factory.mktemp("samples")
    shutil.copy(ROOT / "src/pixelwise/bundled/default.onnx", place / "mine.onnx")
    for kind in ("images", "labels"):
        (place / "my_images" / kind).mkdir(parents=True)
    predictor = pixelwise.load("default")
    for name in ("astronaut", "chelsea"):
        photo = Image.open(ROOT / f"examples/{name}.png").convert("RGB").reduce(2)
        photo.save(place / f"my_images/images/{name}.png")
        Image.fromarray(predictor(photo).labels).save(place / f"my_images/labels/{name}.png")
    (place / "my_images/classes.txt").write_text("\n".join(predictor.classes.names))
    shutil.copy(ROOT / "examples/chelsea.png", place / "photo.png")
    photo.save(place / "photo.jpg")
    return place


@pytest.mark.parametrize(("page", "blocks"), list(sections()))
def test_the_blocks_of_a_section_run(
    page: str,
    blocks: list[tuple[str, str]],
    samples: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "".join(text for _, text in blocks)
    if "clip.mp4" in text:
        from clips import BLUE, RED, plain, write_clip

        write_clip(tmp_path / "clip.mp4", [plain((RED, BLUE)[index // 5]) for index in range(10)])
    for module in ("torch", "torchvision", "openvino"):
        if f"import {module}" in text or f"from {module}" in text:
            pytest.importorskip(module)
    shutil.copytree(samples, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_OTHERS", dict(registry._OTHERS))
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), (30, 40)).transpose(2, 0, 1)
    image = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    namespace: dict[str, object] = {  # what pages take for granted besides the files
        "__name__": "block",
        "image": image,
        "images": [image, image],
        "probabilities": probabilities,
        "probabilities_of_each": [probabilities, probabilities],
        "unary": -np.log(probabilities),
        "depth_and_normals": rng.random((4, 30, 40)),
        "widths": 0.5,
        "matrix": 1 - np.eye(3),
    }
    for language, block in blocks:
        if language == "python":
            exec(compile(block, f"{page} block", "exec"), namespace)
        elif not language and page in RUNS_COMMANDS:
            for line in re.findall(r"^pixelwise (.*)$", block, re.MULTILINE):
                done = CliRunner().invoke(main.app, shlex.split(line, comments=True))
                assert done.exit_code == 0, f"{line}\n{done.output}"


@pytest.mark.parametrize("page", RUNS_COMMANDS)
def test_the_commands_of_a_page_without_python_run_too(
    page: str, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(samples, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    run = 0
    for section in re.split(r"^## ", (DOCS / page).read_text(), flags=re.MULTILINE):
        blocks = FENCED.findall(section)
        if any(language == "python" for language, _ in blocks):
            continue
        for line in re.findall(r"^pixelwise (.*)$", "".join(text for _, text in blocks), re.MULTILINE):
            done = CliRunner().invoke(main.app, shlex.split(line, comments=True))
            assert done.exit_code == 0, f"{line}\n{done.output}"
            run += 1
    assert run or page == "tutorials/own_net.md", "the commands of that page all have Python beside them"


@pytest.mark.parametrize("photo", ["chelsea.png", "astronaut.png"])
def test_plain_onnx_runtime_gives_the_labels_of_pixelwise(
    photo: str, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = (DOCS / "tutorials/deploy.md").read_text().partition("## Plain ONNX Runtime")[2]
    (_, block), *_ = FENCED.findall(section)
    shutil.copy(samples / "mine.onnx", tmp_path / "mine.onnx")
    shutil.copy(ROOT / "examples" / photo, tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    exec(block, namespace)
    expected = pixelwise.load("mine.onnx", engine="onnxruntime")("photo.png")
    assert len(expected.areas()) >= 2
    np.testing.assert_array_equal(namespace["labels"], expected.labels)


def test_the_loop_of_correcting_and_training_runs_as_printed(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    shutil.copytree(samples, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pixelwise, "train", partial(pixelwise.train, **SMALL_RUN))
    corrected = tmp_path / "my_images/images/chelsea.json"
    ran = []
    namespace: dict[str, object] = {"__name__": "block"}
    for language, block in FENCED.findall((DOCS / "tutorials/correct_and_train.md").read_text()):
        if language == "python":
            exec(compile(block, "tutorial block", "exec"), namespace)
        for line in re.findall(r"^pixelwise (.*)$", block if not language else "", re.MULTILINE):
            done = CliRunner().invoke(main.app, shlex.split(line))
            assert done.exit_code == 0, f"{line}\n{done.output}"
            ran.append(line)
    assert [line.partition(" ")[0] for line in ran] == ["segment", "check"]
    content = corrected.read_text()
    again = CliRunner().invoke(main.app, shlex.split(ran[0]))
    assert "chelsea.json was changed since it was written and is kept" in " ".join(again.output.split())
    assert (corrected.read_text(), (tmp_path / "runs/mine/best.pt").is_file()) == (content, True)


class Tracker:
    """Records what it is called with, and takes only what W&B and MLflow take: numbers, steps that rise, and
    MLflow's characters in names.
    """

    def __init__(self) -> None:
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.summary: dict[str, float] = {}
        self.files: list[str] = []

    def log(self, figures: Mapping[str, float], step: int) -> None:
        assert not self.logged or step >= self.logged[-1][0]
        assert all(isinstance(value, int | float) for value in figures.values())
        self.logged.append((step, dict(figures)))

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        assert all(re.fullmatch(r"[/\w.\- :]*", name) for name in metrics)
        self.log(metrics, step)


SMALL_RUN: dict[str, Any] = {
    "backbone": "test_efficientnet",
    "backbone_weights": "none",
    "freeze_stages": 0,
    "workers": 0,
}
SMALL_RUN |= {"context": 8, "hidden": 4, "skips": (16, 8), "crop": 33, "batch_size": 2, "steps": 2}


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_trackers_of_experiments_get_every_step_and_figure(
    name: str, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    section = (DOCS / "training.md").read_text().partition("## Weights & Biases, MLflow")[2]
    (block,) = (text for _, text in FENCED.findall(section.partition("\n## ")[0]) if f"{name}." in text)
    shutil.copytree(samples / "my_images", tmp_path / "my_images")
    names = tmp_path / "my_images/classes.txt"
    names.write_text(names.read_text().replace("cat", "cat (sitting), 50%"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pixelwise, "train", partial(pixelwise.train, **SMALL_RUN))
    tracker = Tracker()
    stand_in = SimpleNamespace(
        init=lambda project: None,
        start_run=nullcontext,
        log_artifact=tracker.files.append,
        **{part: getattr(tracker, part) for part in ("log", "log_metrics", "summary")},
    )
    monkeypatch.setitem(sys.modules, name, stand_in)
    exec(compile(block, f"{name} block", "exec"), {})
    steps = [(step, figures) for step, figures in tracker.logged if "loss" in figures]
    assert [step for step, _ in steps] == [1, 2]
    assert all(math.isfinite(figures["loss"]) and figures["rate"] >= 0 for _, figures in steps)
    ((last, figures),) = (logged for logged in tracker.logged if "loss" not in logged[1])
    assert last == 2
    ious = [figure for figure in figures if "iou/" in figure or "iou_" in figure]
    assert len(ious) >= 2
    if name == "wandb":
        assert tracker.summary["mean_iou"] == figures["val/mean_iou"]
    else:
        assert [Path(file).name for file in tracker.files] == ["log.jsonl"]
        assert "val_iou_cat _sitting__ 50_" in figures


def test_sections_that_are_not_run_are_there() -> None:
    headings = {
        f"{page.parent.name}/{page.name}: {heading}"
        for page in DOCS.rglob("*.md")
        for heading in re.findall(r"^##? (.*)$", page.read_text(), re.MULTILINE)
    }
    assert headings >= NOT_RUN.keys()


def test_pages_for_users_import_public_names_only() -> None:
    listed = {"pixelwise", *(ROOT / "tests/public_surface.txt").read_text().split()}
    imported = set()
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        text = page.read_text()
        imported |= set(re.findall(r"^import (pixelwise[\w.]*)", text, re.MULTILINE))
        for module, names in re.findall(r"^from (pixelwise[\w.]*) import (.*)$", text, re.MULTILINE):
            known = module.endswith(("pydensecrf.densecrf", "pydensecrf.utils"))
            imported |= {module} if known else {f"{module}.{name}" for name in names.split(", ")}
    assert len(imported) >= 15
    assert imported - listed == set()


def test_the_ranking_of_the_examples_is_as_printed(tmp_path: Path) -> None:
    found = pixelwise.segment_folder(ROOT / "examples", tmp_path, save=["mask"], threads=1).by_uncertainty()
    rows = re.findall(r"^\| (\d) \| ([\d.]+)% \| (\S+) \|$", (DOCS / "how_to/overlays.md").read_text(), re.M)
    assert [(int(place), name) for place, _, name in rows] == [
        (place, Path(one.path).name) for place, one in enumerate(found, start=1)
    ]
    printed = [float(share) / 100 for _, share, _ in rows]
    assert printed == pytest.approx([one.uncertainty for one in found], abs=1.5e-3)  # engines round


def test_the_table_of_bundled_models_is_complete() -> None:
    page = (DOCS / "tutorials/segment.md").read_text()
    assert [name for name in bundled_names() if f"| `{name}` |" not in page] == []


@pytest.fixture
def whole_way() -> ModuleType:
    pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location("whole_way", DOCS / "examples/whole_way.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_whole_way_learns_and_exports(
    whole_way: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {"backbone": "test_efficientnet", "backbone_weights": "none", "freeze_stages": 0, "workers": 0}
    net = {"context": 8, "hidden": 4, "skips": (16, 8), "crop": 33, "batch_size": 4}
    fast = {"learning_rate": 0.01, "head_learning_rate": 0.01, "warmup_steps": 1}
    figures = whole_way.main(tmp_path, **small, **net, **fast, steps=20, evaluate_every=10)
    assert figures["trained"] > max(0.6, figures["own net"])
    assert (tmp_path / "trained.onnx").is_file()
    assert "95 % interval" in capsys.readouterr().out


def test_the_whole_way_uses_public_names_only_and_stays_short() -> None:
    script = (DOCS / "examples/whole_way.py").read_text()
    assert re.findall(r"^(?:from|import) pixelwise.*$", script, re.MULTILINE) == ["import pixelwise"]
    listed = (ROOT / "tests/public_surface.txt").read_text().split()
    used = set(re.findall(r"pixelwise(?:\.\w+)+", script))
    assert used
    assert used <= set(listed)
    assert sum(bool(line.strip()) for line in script.splitlines()) <= 40
