"""Runs that start from exported models."""

import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from squares_runs import run_squares
from torch import nn

from pixelwise import export, load
from pixelwise.core.classes import Classes
from pixelwise.core.errors import MissingExtraError, ModelError, TrainingError
from pixelwise.exporting.onnx import export_onnx
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.models.layers.frozen_batch_norm import fold_batch_norm
from pixelwise.models.surgery.input_channels import for_bands
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.band_statistics import BandStatistics
from pixelwise.training.setup.recipe_net import build_net, load_run
from pixelwise.training.setup.start import start_of

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

PHOTO = Path(__file__).parents[3] / "examples/chelsea.png"


def test_a_bundled_model_is_the_start_of_another(capsys: pytest.CaptureFixture[str]) -> None:
    """The same classes: the same scores. Other classes: all but the last layers are copied."""
    picture = np.asarray(Image.open(PHOTO).convert("RGB").resize((200, 133)))
    expected = load("default", engine="onnxruntime").engine.scores(picture)
    for weights in ("package", "none"):
        recipe = Recipe("r", "d").override(["init_from=default", f"backbone_weights={weights}"])
        net = build_net(recipe, 21).eval()
        with torch.no_grad():
            found = net(torch.from_numpy(picture.copy()).permute(2, 0, 1)[None])[0].numpy()
        assert np.abs(found - expected).max() < 1e-3
    capsys.readouterr()
    build_net(recipe, 5)
    dropped = capsys.readouterr().err.split("dropped: ")[1].split("; left: ")[0].split(", ")
    assert not [name for name in dropped if name.startswith("backbone.")]
    assert "score_fr.weight" in dropped


def test_a_net_of_bands_takes_the_first_layer_too() -> None:
    """Its filters of colours are fitted to the bands."""
    plain = build_net(Recipe("r", "d").override(["init_from=default", "backbone_weights=none"]), 21)
    recipe = Recipe("r", "d").override(["init_from=default", "backbone_weights=none", "inputs=bands"])
    net = build_net(recipe, 21, True, 5, BandStatistics((100.0,) * 5, (50.0,) * 5))
    states = [found.state_dict() for found in (plain, net)]
    stem = next(name for name in states[0] if "conv_stem" in name and states[0][name].ndim == 4)
    assert torch.equal(states[1][stem], for_bands(states[0][stem], 5))


def test_pixels_are_normalised_as_the_backbone_s_weights_want_it(tmp_path: Path) -> None:
    """With another backbone than the start's, by the new one; with the same, as before."""
    torch.save(timm.create_model("resnet10t").state_dict(), tmp_path / "weights.pth")
    other = ["backbone=resnet10t", f"backbone_weights={tmp_path / 'weights.pth'}", "init_from=default"]
    net = build_net(Recipe("r", "d").override(other), 3)
    assert net.mean.flatten().tolist() == pytest.approx([123.675, 116.28, 103.53])
    assert net.std.flatten().tolist() == pytest.approx([58.395, 57.12, 57.375])
    same = build_net(Recipe("r", "d").override(["backbone_weights=none", "init_from=default"]), 3)
    assert same.mean.flatten().tolist() == [127.0] * 3
    assert same.std.flatten().tolist() == [128.0] * 3


@pytest.mark.parametrize("bands", [2, 3, 5])
def test_bands_are_normalised_to_the_deviation_that_the_start_saw(bands: int) -> None:
    """The efficientnet divides by 128, so photos, whose deviation is about 57.6, had 0.45."""
    recipe = Recipe("r", "d").override(["init_from=default", "backbone_weights=none", "inputs=bands"])
    net = build_net(recipe, 3, True, bands, BandStatistics((100.0,) * bands, (50.0,) * bands))
    assert net.mean.flatten().tolist() == [100.0] * bands
    assert net.std.flatten().tolist() == pytest.approx([50 / (57.63 / 128)] * bands, rel=1e-4)


def test_an_export_continues_as_its_run_does(squares: Path, tmp_path: Path) -> None:
    assert run_squares(squares, tmp_path / "run", "steps=2", "workers=0")
    net, info = load_run(tmp_path / "run")
    fold_batch_norm(net)
    net.std.copy_(net.mean)  # the file holds equal numbers once
    info = replace(info, preprocessing={**info.preprocessing, "std": net.mean.flatten().tolist()})
    export_onnx(net, info, tmp_path / "model.onnx", half_weights=False)
    assert run_squares(
        squares, tmp_path / "next", f"init_from={tmp_path / 'model.onnx'}", "steps=1", "workers=0"
    )
    picture = torch.rand(1, 3, 65, 65) * 255
    start = build_net(Recipe("r", "d").override(recipe_of(tmp_path / "run", tmp_path / "model.onnx")), 2)
    assert torch.allclose(start.eval()(picture), net(picture), atol=1e-4)
    _, later = load_run(tmp_path / "next")
    assert later.training["recipe"]["init_from"] == "model.onnx", "the record does not say where it lay"


def test_an_export_of_a_net_that_normalises_before_convolutions_is_a_whole_start(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its normalisations are layers of their own in the file."""
    torch.manual_seed(0)
    classifier = timm.create_model("resnetv2_18")
    for name, tensor in classifier.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            tensor.uniform_(0.5, 1)
    save_file(classifier.state_dict(), tmp_path / "weights.safetensors")
    trunk = ("backbone=resnetv2_18", "batch_norm=frozen", "workers=0")
    weights = f"backbone_weights={tmp_path / 'weights.safetensors'}"
    assert run_squares(squares, tmp_path / "run", *trunk, weights, "steps=2")
    export(tmp_path / "run", tmp_path / "model.onnx")
    start = f"init_from={tmp_path / 'model.onnx'}"
    capsys.readouterr()
    assert run_squares(squares, tmp_path / "next", *trunk, "backbone_weights=none", start, "steps=1")
    assert "dropped" not in capsys.readouterr().err
    net, _ = load_run(tmp_path / "run")
    again = build_net(Recipe("r", "d").override(recipe_of(tmp_path / "run", tmp_path / "model.onnx")), 2)
    fold_batch_norm(net)
    fold_batch_norm(again)
    for name, tensor in net.state_dict().items():
        assert torch.allclose(again.state_dict()[name], tensor, rtol=1e-3, atol=1e-4), name


def recipe_of(run: Path, model: Path) -> list[str]:
    """Settings of the run's net."""
    stored = load_run(run)[1].training["recipe"]
    shape = ("backbone", "skips", "context", "rates", "hidden", "output_stride", "batch_norm")
    values = {key: stored[key] for key in shape} | {"backbone_weights": "none", "init_from": str(model)}
    return [
        f"{key}={','.join(map(str, value)) if isinstance(value, list | tuple) else value}"
        for key, value in values.items()
    ]


def test_a_folder_of_a_model_s_name_is_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "default").mkdir()
    with pytest.raises(TrainingError, match="default"):
        start_of("default")


def test_what_cannot_be_a_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="init_from=defualt: there is no such run folder") as wrong:
        start_of("defualt")
    assert "default" in str(wrong.value.hint)
    with pytest.raises(ModelError, match=r"no model file .*none\.onnx"):
        start_of(str(tmp_path / "none.onnx"))
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"broken\.onnx is not a complete ONNX model"):
        start_of(str(tmp_path / "broken.onnx"))
    int8 = Path(__file__).parents[3] / "src/pixelwise/bundled/default.int8.onnx"
    with pytest.raises(TrainingError, match=r"default\.int8\.onnx is of int8"):
        start_of(str(int8))


def exported(path: Path, *settings: str) -> Recipe:
    """The export of a net that has not learnt, and a recipe that starts from it."""
    small = ("context=8", "hidden=0", "crop=65", "batch_size=2", "long_side=80", "backbone_weights=none")
    recipe = Recipe("r", "d").override([*small, *settings])
    torch.manual_seed(0)
    net = build_net(recipe, 2).eval()
    for parameter in net.parameters():  # those at their start are equal, and files hold equal ones once
        nn.init.normal_(parameter, std=0.05)
    fold_batch_norm(net)
    info = ModelInfo("m", Classes.named(["a", "b"]), 80, training={"recipe": asdict(recipe)})
    export_onnx(net, info, path)
    return recipe.override([f"init_from={path}"])


def test_an_export_with_normalisations_merged_into_other_layers_is_refused(tmp_path: Path) -> None:
    recipe = exported(tmp_path / "learnt.onnx", "backbone=resnet10t", "batch_norm=train", "skips=8")
    for norm in ("train", "frozen"):
        with pytest.raises(TrainingError, match=r"learnt\.onnx was trained with batch_norm=train"):
            build_net(recipe.override([f"batch_norm={norm}"]), 2)


@pytest.mark.parametrize("norm", ["train", "frozen"])
def test_an_export_that_lacks_tensors_of_the_backbone_is_refused_with_the_reason(
    tmp_path: Path, norm: str
) -> None:
    """ConvNeXt has no batch normalisation; its linear layers are transposed in the file."""
    recipe = exported(tmp_path / "next.onnx", "backbone=test_convnext", f"batch_norm={norm}")
    torch.save(timm.create_model("test_convnext").state_dict(), tmp_path / "weights.pth")
    for weights in ("none", str(tmp_path / "weights.pth")):
        with pytest.raises(
            TrainingError, match=r"next\.onnx lacks \d+ tensors of the backbone, such as"
        ) as lost:
            build_net(recipe.override([f"backbone_weights={weights}", "batch_norm=train"]), 2)
        assert lost.value.hint == "name the run folder it was exported from"


def test_an_export_without_batch_normalisation_is_a_start_whatever_batch_norm_said(tmp_path: Path) -> None:
    recipe = exported(tmp_path / "vgg.onnx", "backbone=vgg11", "batch_norm=train")
    net = build_net(recipe, 2)
    expected = start_of(str(tmp_path / "vgg.onnx")).tensors
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor.reshape(-1), expected[name].reshape(-1)), name


def test_biases_before_frozen_normalisations_are_not_missing(tmp_path: Path) -> None:
    """VGG's convolutions have biases, which export adds to the normalisations behind them."""
    recipe = exported(tmp_path / "vgg.onnx", "backbone=vgg11_bn", "batch_norm=frozen")
    assert any(name.endswith("conv.bias") for name in build_net(recipe, 2).state_dict())


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    """Infinite ones, and such as have no numbers."""
    content = (Path(__file__).parents[3] / "src/pixelwise/bundled/default.onnx").read_bytes()
    model = onnx.load_from_string(content)
    score = next(entry for entry in model.graph.initializer if entry.name.startswith("net.score_fr.weight"))
    kept = score.raw_data
    score.raw_data = np.full(len(kept) // 2, np.inf, np.float16).tobytes()
    (tmp_path / "infinite.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(TrainingError, match=r"infinite\.onnx.* holds NaN or infinite numbers in score_fr"):
        start_of(str(tmp_path / "infinite.onnx"))
    score.raw_data = kept[:-2]
    (tmp_path / "short.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(TrainingError, match=r"short\.onnx.* is damaged"):
        start_of(str(tmp_path / "short.onnx"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match="onnx"):
        start_of("default")
