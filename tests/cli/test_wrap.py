"""A net of torchvision, through ONNX, in all verbs that judge models."""

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pixelwise.cli.main import app
from pixelwise.core.classes import Classes
from pixelwise.core.pictures.reading import read_photo
from pixelwise.data.sources.folder import own_classes
from pixelwise.workflows.exporting import Wrapped

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def net() -> Any:
    torch = pytest.importorskip("torch")
    segmentation = pytest.importorskip("torchvision.models.segmentation")
    torch.manual_seed(0)
    return segmentation.deeplabv3_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=3
    ).eval()


@pytest.fixture(scope="module")
def folder(net: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """net.onnx as torch writes it, and four labelled pictures."""
    import torch

    folder = tmp_path_factory.mktemp("wrap")
    axes = {"x": {0: "n", 2: "h", 3: "w"}, "out": {0: "n", 2: "h", 3: "w"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (torch.zeros(1, 3, 64, 96),),
            folder / "net.onnx",
            dynamo=False,
            input_names=["x"],
            output_names=["out"],
            dynamic_axes=axes,
            opset_version=17,
        )
    random = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (folder / "data" / kind).mkdir(parents=True)
    for index in range(4):
        image = random.integers(0, 256, (41, 63, 3), np.uint8)
        Image.fromarray(image).save(folder / f"data/images/{index}.png")
        Image.fromarray(random.integers(0, 3, (41, 63), np.uint8)).save(folder / f"data/labels/{index}.png")
    (folder / "data/classes.txt").write_text("red\ngreen\nblue\n")
    return folder


def invoke(folder: Path, arguments: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(app, arguments.split())
    assert result.exit_code == 0, result.output
    return result


def test_a_net_of_torchvision_is_wrapped_segmented_judged_compared_and_searched(
    net: Any, folder: Path
) -> None:
    import torch

    means, stds = (",".join(map(str, values)) for values in (MEAN, STD))
    options = f"--classes data/classes.txt --mean {means} --std {stds} --long-side 64 -o mine.onnx"
    assert "mine.onnx: 3 classes" in invoke(folder, f"wrap net.onnx {options}").stdout

    invoke(folder, "segment data/images/0.png --model mine.onnx --save probabilities --output out")
    pixels = (
        torch.from_numpy(read_photo(folder / "data/images/0.png", 64).pixels.copy()).permute(2, 0, 1) / 255
    )
    normalised = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.inference_mode():
        expected = net(normalised[None])["out"][0].softmax(0).numpy()
    saved = np.load(folder / "out/0_probabilities.npz")
    assert saved["classes"].tolist() == list(Classes.named(["red", "green", "blue"]).names)
    assert np.abs(saved["probabilities"] - expected).max() < 2e-3

    judged = invoke(folder, "eval mine.onnx --data folder:data --split all --report plain --json")
    assert json.loads(judged.stdout)["images"] == 4
    invoke(folder, "eval mine.onnx --data folder:data --split all --flip --report flipped")
    compared = json.loads(invoke(folder, "compare plain flipped --json").stdout)
    assert compared["images"] == 4
    assert compared["a"].startswith("mine.onnx (single scale")
    search = "crf-search mine.onnx --data folder:data --split all --images 1 -o preset.json"
    assert "preset.json: use it with --crf-preset" in invoke(folder, search).stdout


@pytest.fixture
def classes_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[list[str], str]]:
    """The classes that wrap gets with --classes FILE, and what it says."""
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []

    def wrap(net: Path, classes: Sequence[str], output: Path, name: str | None, **options: Any) -> Wrapped:
        seen.extend(classes)
        output.write_bytes(b"model")
        return Wrapped(output, Classes.named(list(classes)))

    monkeypatch.setattr("pixelwise.workflows.wrap", wrap)

    def result(name: str) -> tuple[list[str], str]:
        done = CliRunner().invoke(app, ["wrap", "net.onnx", "--classes", name, "-o", "mine.onnx"])
        return seen, done.output

    return result


@pytest.mark.parametrize("name", ["classes.txt", "CLASSES.TXT"])
@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfbackground\r\nice cream\r\n\r\n",
        b"background \nice cream\n",
        b"background\nice cream",
    ],
)
def test_a_file_of_classes_is_read_as_that_of_a_data_set(
    classes_of: Callable[[str], tuple[list[str], str]], tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert classes_of(name)[0] == ["background", "ice cream"]
    (tmp_path / name).rename(tmp_path / "classes.txt")
    assert own_classes(tmp_path / "classes.txt").classes.names == ("background", "ice cream")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"background\n\nice cream\n", "classes.txt: line 2 is empty, but every line is a class"),
        ("a\u2028b".encode(), "classes.txt: line 1 is not a name"),
        (b"\xff\xfe", "classes.txt cannot be read"),
        (None, "classes.txt does not exist"),
    ],
)
def test_a_file_of_classes_with_a_fault_is_refused(
    classes_of: Callable[[str], tuple[list[str], str]], tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "classes.txt").write_bytes(content)
    seen, said = classes_of("classes.txt")
    assert seen == [] and message in said
