"""A net as one file that is a whole model."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from pixelwise.core.classes import Classes
from pixelwise.core.errors import MissingExtraError, ModelError
from pixelwise.exporting.onnx import export_onnx
from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.loading import load
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.models.layers.frozen_batch_norm import fold_batch_norm, freeze_batch_norm
from pixelwise.models.nets.deeplab import deeplab
from pixelwise.models.nets.fcn import fcn
from pixelwise.models.nets.skip_fcn import Head, SkipFCN
from pixelwise.models.trunks.timm_trunks import backbone

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

INFO = ModelInfo("tiny", Classes.named(["background", "cup", "spoon"]), 50, {"mean": [1.0]}, {"steps": 3})


@pytest.fixture(scope="module")
def net() -> SkipFCN:
    torch.manual_seed(0)
    net = SkipFCN(backbone("test_efficientnet"), 3, Head(context=8, hidden=4)).eval()
    for parameter in net.scores.parameters():
        nn.init.normal_(parameter, std=0.1)
    freeze_batch_norm(net, torch.zeros(1, 3, 33, 33))
    fold_batch_norm(net)
    return net


@pytest.fixture(scope="module")
def exported(net: SkipFCN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "tiny.onnx"
    assert export_onnx(net, INFO, path) < 0.02
    return path


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (32, 32), (65, 90), (131, 64)])
def test_the_file_scores_as_the_net_does_at_any_size(
    net: SkipFCN, exported: Path, size: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    with torch.inference_mode():
        expected = net(torch.from_numpy(image).permute(2, 0, 1)[None])[0].numpy()
    found = OnnxEngine(str(exported)).scores(image)
    assert np.abs(found - expected).max() < 0.02 * expected.std()


def test_several_images_at_once_are_scored(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported)
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 50, 3), np.uint8)
    (together,) = session.run(None, {"image": images})
    (alone,) = session.run(None, {"image": images[1:2]})
    assert np.allclose(together[1], alone[0], atol=1e-3)


def test_the_file_is_a_whole_model(exported: Path) -> None:
    assert load(exported).info == INFO


def test_nothing_of_the_machine_is_in_the_file(exported: Path) -> None:
    content = exported.read_bytes()
    assert b"stack_trace" not in content
    assert str(Path(__file__).parents[2]).encode() not in content


def worn_scores(path: Path, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Of a file that a tool made of ours, which need not keep the contract."""
    session = onnxruntime.InferenceSession(path)
    scores: np.ndarray[Any, Any] = session.run(None, {"image": image[None]})[0][0]
    return scores


def expect_quantizable(path: Path) -> None:
    """ONNX Runtime's tools take the file as it is, and smaller still when they have prepared it."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    shapes = pytest.importorskip("onnxruntime.quantization.shape_inference")
    image = np.random.default_rng(0).integers(0, 256, (65, 90, 3), np.uint8)
    expected = worn_scores(path, image)
    prepared, direct, small = (path.with_name(f"{name}.onnx") for name in ("prepared", "direct", "small"))
    shapes.quant_pre_process(path, prepared)
    for source, target in ((path, direct), (prepared, small)):
        quantization.quantize_dynamic(source, target, weight_type=quantization.QuantType.QUInt8)
        assert "ConvInteger" in {node.op_type for node in onnx.load(target).graph.node}
        assert np.abs(worn_scores(target, image) - expected).mean() < 0.3 * expected.std()
    assert np.abs(worn_scores(prepared, image) - expected).max() < 1e-4 * np.abs(expected).max()
    assert small.stat().st_size < 0.7 * prepared.stat().st_size


def test_onnx_runtime_s_tools_for_quantization_take_the_file(exported: Path, tmp_path: Path) -> None:
    """With weights in float16, biases beside them, and score maps that are enlarged and added."""
    path = tmp_path / "tiny.onnx"
    path.write_bytes(exported.read_bytes())
    expect_quantizable(path)


def test_a_bias_may_belong_to_large_and_small_weights(tmp_path: Path) -> None:
    """torch stores equal biases once; only large weights are stored as float16."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.large, self.small, self.other = (
                nn.Conv2d(*of) for of in ((3, 512, 1), (3, 3, 1), (512, 3, 1))
            )
            for name, parameter in self.named_parameters():
                if name.endswith(".bias"):
                    nn.init.constant_(parameter, 0.5)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            image = image.float()
            scores: torch.Tensor = self.small(image) + self.other(self.large(image))
            return scores

    assert export_onnx(Net().eval(), INFO, tmp_path / "net.onnx") < 0.02
    biases = [tensor for tensor in onnx.load(tmp_path / "net.onnx").graph.initializer if tensor.dims[0] == 3]
    assert [1, 1] in [list(tensor.dims[1:]) for tensor in biases]
    expect_quantizable(tmp_path / "net.onnx")


def test_large_weights_are_stored_in_half(net: SkipFCN, tmp_path: Path, exported: Path) -> None:
    export_onnx(net, INFO, tmp_path / "full.onnx", half_weights=False)
    kinds = {
        tensor.data_type for tensor in onnx.load(exported).graph.initializer if np.prod(tensor.dims) >= 1024
    }
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert exported.stat().st_size < (tmp_path / "full.onnx").stat().st_size


def test_a_package_that_no_extra_brings_is_named_as_missing(
    net: SkipFCN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxscript.py").write_text("import onnx_intermediate\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxscript", raising=False)
    with pytest.raises(ModuleNotFoundError, match="'onnx_intermediate'"):
        export_onnx(net, INFO, tmp_path / "tiny.onnx")
    (tmp_path / "onnxscript.py").unlink()
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r'pip install "pixelwise\[export\]"'):
        export_onnx(net, INFO, tmp_path / "tiny.onnx")


def test_a_net_that_does_not_survive_the_export_leaves_no_file(
    net: SkipFCN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One weight of ten is lost on the way into the file."""

    def spoil(graph: Any) -> None:
        tensor = max(graph.initializer, key=lambda entry: np.prod(entry.dims))
        values = onnx.numpy_helper.to_array(tensor).copy()
        values.flat[::10] = 0
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))

    monkeypatch.setattr("pixelwise.exporting.onnx.make_quantizable", spoil)
    with pytest.raises(ModelError, match="differs from the net"):
        export_onnx(net, INFO, tmp_path / "wrong.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "papers_net",
    [
        fcn("vgg16", 8, 3, filters=16, widths=(8, 8, 8, 8, 8)),
        deeplab("large_fov", classes=3, filters=16, widths=(8, 8, 8, 8, 8)),
    ],
    ids=["fcn8s", "large_fov"],
)
def test_the_papers_nets_survive_at_any_size(papers_net: nn.Module, tmp_path: Path) -> None:
    """With the release's 100 pixels and rounded-up poolings too; export_onnx compares odd sizes from 1x1."""
    for name, parameter in papers_net.named_parameters():
        if name.startswith("score_"):
            nn.init.normal_(parameter)
    assert export_onnx(papers_net.eval(), INFO, tmp_path / "net.onnx") < 0.02
    expect_quantizable(tmp_path / "net.onnx")


def test_a_net_in_training_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="evaluation mode"):
        export_onnx(SkipFCN(backbone("test_efficientnet"), 3, Head()).train(), INFO, tmp_path / "x.onnx")


def test_weights_that_are_not_finite_are_not_exported(tmp_path: Path) -> None:
    """Their scores, NaN too, would deviate by 0 from the file's."""
    net = fcn("alexnet", 32, 3, filters=4).eval()
    net.get_parameter("score_fr.bias").data[1] = float("nan")
    with pytest.raises(ModelError, match=r"the net holds NaN or infinite numbers in score_fr\.bias"):
        export_onnx(net, INFO, tmp_path / "nan.onnx")
    assert not list(tmp_path.iterdir())


class Scaled(nn.Module):
    """A 1x1 convolution of 3 to 400 channels whose weights are all `weight`, and three of its channels."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 400, 1)
        nn.init.constant_(self.conv.weight, weight)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.conv(image.float())[:, :3]
        return scores


def test_weights_beyond_half_precision_stay_whole(tmp_path: Path) -> None:
    """float16 ends at 65504."""
    path = tmp_path / "large.onnx"
    assert export_onnx(Scaled(1e5).eval(), INFO, path) < 1e-5
    kinds = {tensor.data_type for tensor in onnx.load(path).graph.initializer}
    assert onnx.TensorProto.FLOAT16 not in kinds


class Alike(nn.Module):
    """Three classes whose weights differ by less than float16 tells apart at 1; scores are what differs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 400, 1, bias=False)
        nn.init.constant_(self.conv.weight, 1)
        self.conv.weight.data[1] += 1e-4

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.conv(image.float())
        scores: torch.Tensor = features[:, :3] - features[:, 3:4]
        return scores


def test_weights_that_half_precision_would_change_too_much_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "alike.onnx"
    assert export_onnx(Alike().eval(), INFO, path) < 0.02
    kinds = {tensor.data_type for tensor in onnx.load(path).graph.initializer}
    assert onnx.TensorProto.FLOAT16 not in kinds


def test_infinite_scores_of_finite_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the net gives NaN or infinite scores for an image of 1 x 1"):
        export_onnx(Scaled(3e38).eval(), INFO, tmp_path / "huge.onnx")
    assert not list(tmp_path.iterdir())


def test_a_net_whose_cells_lie_between_pixels_survives_at_any_size(tmp_path: Path) -> None:
    """Its sides are rounded up to multiples of 32, also that of a single pixel."""
    net = SkipFCN(backbone("test_convnext"), 3, Head(context=8, hidden=4)).eval()
    for parameter in net.scores.parameters():
        nn.init.normal_(parameter, std=0.1)
    assert export_onnx(net, INFO, tmp_path / "convnext.onnx") < 0.02
