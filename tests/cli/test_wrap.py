"""A net of torchvision, through ONNX, in all verbs that judge models."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pixelwise.cli.main import app
from pixelwise.core.classes import Classes
from pixelwise.core.pictures.reading import read_photo

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
