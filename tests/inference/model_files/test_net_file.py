"""Nets with their weights as .safetensors files that are whole models."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_nets import make_catalogue_small, small_fcn, with_random_weights

from pixelwise.core.classes import Classes
from pixelwise.core.errors import MissingExtraError, ModelError
from pixelwise.inference.engines.torch import TorchEngine
from pixelwise.inference.loading import load
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.model_files.net_file import read_net, write_net
from pixelwise.models.weights.tensor_files import NET, read_metadata

INFO = ModelInfo("small", Classes.named(["background", *"abcd"]), 64, {"mean": [1.0]}, {"imported_from": "x"})


@pytest.fixture(autouse=True)
def catalogue() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        make_catalogue_small(patch)
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    write_net(with_random_weights(small_fcn()), "fcn8s-vgg16", INFO, tmp_path / "small.safetensors")
    return tmp_path / "small.safetensors"


def test_a_net_comes_back_as_it_was(path: Path) -> None:
    torch.manual_seed(0)
    expected = with_random_weights(small_fcn())
    net, info = read_net(path)
    assert info == INFO
    assert not net.training
    assert all(torch.equal(t, expected.state_dict()[name]) for name, t in net.state_dict().items())


def test_a_module_that_no_extra_brings_is_named_as_missing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pixelwise.inference.engines.torch", None)
    with pytest.raises(ModuleNotFoundError, match=r"pixelwise\.inference\.engines\.torch"):
        load(path)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r'pip install "pixelwise\[train\]"'):
        load(path)


def test_load_runs_it_in_torch(path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    net, _ = read_net(path)
    predictor = load(path, threads=1)
    assert isinstance(predictor.engine, TorchEngine)
    assert predictor.engine.threads == 1
    assert predictor.identity.startswith("small ")
    expected = TorchEngine(net).scores(image)
    assert np.abs(predictor.engine.scores(image) - expected).max() < 1e-4 * np.abs(expected).max()
    assert predictor(image).labels.shape == (20, 30)
    other = load(path, precision="bfloat16")
    assert other.identity == f"{predictor.identity} bfloat16", "its results are others"
    near = other.engine.scores(image)
    assert 0 < np.abs(near - expected).max() < 0.1 * np.abs(expected).max()


def test_other_engines_do_not_run_it(path: Path) -> None:
    with pytest.raises(ModelError, match="a net, which onnxruntime does not run"):
        load(path, engine="onnxruntime")


def test_faulty_files_are_named(path: Path, tmp_path: Path) -> None:
    tensors, notes = load_file(path), read_metadata(path)
    other = tmp_path / "other.safetensors"
    cases = [
        (tensors, {k: v for k, v in notes.items() if k != NET}, "does not say of which net"),
        (tensors, {NET: notes[NET]}, "without the metadata property"),
        *(
            (tensors, notes | {NET: text}, "invalid metadata")
            for text in (
                "{",
                "[" * 100_000,
                "[]",
                '{"name": [], "classes": 5}',
                '{"name": "x", "classes": "5"}',
            )
        ),
        (tensors, notes | {NET: json.dumps({"name": "\x1b[31m", "classes": 5})}, r'a net "\\x1b\[31m"'),
        (tensors, notes | {NET: json.dumps({"name": "fcn8s-vgg16"})}, "invalid metadata"),
        (tensors, notes | {NET: json.dumps({"name": "fcn4s", "classes": 5})}, 'holds a net "fcn4s"'),
        (tensors, notes | {NET: json.dumps({"name": "fcn8s-vgg16", "classes": 6})}, "its net scores 6"),
        (
            {k: v for k, v in tensors.items() if k != "fc6.bias"},
            notes,
            "not hold a whole fcn8s-vgg16.*fc6.bias",
        ),
    ]
    for content, metadata, complaint in cases:
        save_file(content, other, metadata)
        with pytest.raises(ModelError, match=complaint) as caught:
            load(other)
        assert "other.safetensors" in caught.value.message
    for damaged in (b"", path.read_bytes()[:-100]):
        other.write_bytes(damaged)
        with pytest.raises(ModelError, match="cannot be read"):
            load(other)
    with pytest.raises(ModelError, match="do not exist"):
        load(tmp_path / "missing.safetensors")


def test_only_nets_of_the_catalogue_are_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='no net "mine"'):
        write_net(small_fcn(), "mine", INFO, tmp_path / "x.safetensors")
    assert list(tmp_path.iterdir()) == []
