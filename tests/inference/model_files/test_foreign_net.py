"""Nets that pixelwise did not make, given as torch modules."""

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise import load
from pixelwise.core.errors import ModelError
from pixelwise.data import open_dataset
from pixelwise.evaluation.crf_scores import ScoredImages
from pixelwise.evaluation.evaluation import evaluate
from pixelwise.inference.normalisation import Normalisation
from pixelwise.inference.predictor import Predictor
from pixelwise.models import SegmentationNet

CLASSES = ["background", "cat"]
IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


class Strided(nn.Module):
    """The means of squares of 4 pixels a side, as scores, in a package of some kind; sides must be multiples
    of 4."""

    def __init__(self, package: str = "tensor") -> None:
        super().__init__()
        self.package = package
        self.seen: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> Any:
        if x.shape[2] % 4 or x.shape[3] % 4:
            raise RuntimeError("sizes of tensors must match")
        self.seen.append(x)
        scores = nn.functional.avg_pool2d(x, 4)
        packages = {
            "tensor": scores,
            "logits": SimpleNamespace(logits=scores),
            "out": {"out": scores, "aux": None},
            "tuple": (scores,),
        }
        return packages[self.package]


def quarters() -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """Red, green / blue, red; sides are not multiples of 4."""
    image = np.zeros((42, 62, 3), np.uint8)
    image[:20, :32, 0] = image[:20, 32:, 1] = image[20:, :32, 2] = image[20:, 32:, 0] = 200
    return image


@pytest.mark.parametrize("package", ["tensor", "logits", "out"])
def test_scores_of_any_stride_become_labels_of_the_picture_s_size(package: str) -> None:
    predictor = load(Strided(package), classes=["red", "green", "blue"], multiple=4)
    labels = predictor(quarters()).labels
    assert labels.shape == (42, 62)
    assert [labels[8, 8], labels[8, 50], labels[35, 8], labels[35, 50]] == [0, 1, 2, 0]


def test_the_net_sees_normalised_pixels() -> None:
    net = Strided()
    load(net, classes=["red", "green", "blue"], multiple=4, **IMAGENET)(quarters())
    seen = net.seen[-1]
    assert seen.shape == (1, 3, 44, 64)
    pixel = (np.array([200, 0, 0]) / 255 - IMAGENET["mean"]) / IMAGENET["std"]
    assert seen[0, :, 0, 0].tolist() == pytest.approx(pixel.tolist(), abs=1e-5)
    assert torch.equal(seen[:, :, 41], seen[:, :, 43])  # padded by its last pixels
    load(net, classes=["red", "green", "blue"], multiple=4, mean=(100, 0, 0), input_range=(0, 255))(
        quarters()
    )
    assert net.seen[-1][0, :, 0, 0].tolist() == pytest.approx([100, 0, 0], abs=1e-4)


def test_what_does_not_fit_is_refused_with_what_to_do() -> None:
    names = ["red", "green", "blue"]
    with pytest.raises(ValueError, match="name them in order"):
        load(Strided())
    with pytest.raises(ModelError, match="scores 3 classes, but 2 are named"):
        load(Strided(), classes=names[:2], multiple=4)
    with pytest.raises(ModelError, match=r"the net returns tuple; expected scores"):
        load(Strided("tuple"), classes=names, multiple=4)
    with pytest.raises(ModelError, match=r"the net fails on a picture of 65x97(.|\n)*try multiple=32"):
        load(Strided(), classes=names)
    with pytest.raises(ValueError, match="runs in torch in the type of its weights, not in openvino"):
        load(Strided(), classes=names, engine="openvino")
    wrong: Any
    for wrong in (
        {"mean": (1, 2)},
        {"std": (0, 1, 1)},
        {"input_range": (1, 0)},
        {"mean": (float("nan"),) * 3},
        {"mean": 0.5},
        {"multiple": 4.0},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            load(Strided(), classes=names, **wrong)


def fixed_conv(weight: float = 1, bias: float = 0, dilation: int = 1) -> nn.Conv2d:
    net = nn.Conv2d(3, 2, 3, padding="same", dilation=dilation)
    nn.init.constant_(net.weight, weight)
    assert net.bias is not None
    nn.init.constant_(net.bias, bias)
    return net


class Learning(nn.Module):
    """Halves scores while it is in training mode, and counts its changes of mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.changes = fixed_conv(), nn.BatchNorm2d(2), 0

    def train(self, mode: bool = True) -> "Learning":
        self.changes += 1
        return super().train(mode)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.norm(self.conv(x))
        return scores / 2 if self.training else scores


def test_a_net_in_training_mode_scores_in_evaluation_mode_and_stays_as_it_was() -> None:
    net = Learning()
    expected = load(copy.deepcopy(net).eval(), classes=CLASSES)(quarters()).scores
    net.norm.eval()  # as nets that keep their statistics do
    predictor = load(net, classes=CLASSES)
    before = copy.deepcopy(net.state_dict())
    results = predictor.batch([quarters()] * 8, workers=4)
    assert all(np.array_equal(result.scores, expected) for result in results)
    assert (net.training, net.conv.training, net.norm.training) == (True, True, False)
    assert net.changes >= 4  # to evaluation mode and back, when it was loaded and in the batch
    assert net.changes % 2 == 0
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    copied = copy.deepcopy(predictor)(quarters())
    assert np.array_equal(copied.scores, expected)


def test_programs_of_torch_export_and_frozen_torchscript_are_nets() -> None:
    net, example = fixed_conv().eval(), torch.zeros(1, 3, 64, 96)
    sizes = ({2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls TorchScript deprecated
        frozen = torch.jit.freeze(torch.jit.script(net))
        program = torch.export.export(net, (example,), dynamic_shapes=sizes).module()
    expected = load(net, classes=CLASSES)(quarters()).scores
    for other in (frozen, program):
        assert np.allclose(load(other, classes=CLASSES)(quarters()).scores, expected, atol=1e-5)


@pytest.mark.parametrize(("kind", "error"), [("bfloat16", 0.1), ("float16", 0.02), ("float64", 1e-4)])
def test_a_net_of_another_type_gets_pixels_of_it(kind: str, error: float) -> None:
    expected = load(fixed_conv(), classes=CLASSES)(quarters()).scores
    net = fixed_conv().to(getattr(torch, kind))
    assert np.allclose(load(net, classes=CLASSES)(quarters()).scores, expected, atol=error)


class Own(SegmentationNet):
    """The means of squares of 4 pixels, as they come in, minus 100."""

    def __init__(self) -> None:
        super().__init__(mean=(100.0,) * 3, std=(1.0,) * 3)
        self.score_stride = 4

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool2d(self.normalise(image), 4)


def test_a_net_of_ours_gets_pixels_as_they_are() -> None:
    net, names = Own(), ["red", "green", "blue"]
    module: Any
    for module in (net, torch.compile(net, backend="eager")):
        result = load(module, classes=names, multiple=4)(quarters())
        assert result.scores[:, 8, 8].tolist() == pytest.approx([100, -100, -100])
    with pytest.raises(ValueError, match="normalises them itself; leave these out"):
        load(net, classes=names, multiple=4, **IMAGENET)


class Ending(nn.Module):
    def __init__(self, ending: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.net, self.ending = Strided(), ending

    def forward(self, x: torch.Tensor) -> Any:
        return self.ending(self.net(x))


def test_a_net_that_ends_in_a_softmax_has_the_confidence_of_its_scores() -> None:
    names = ["red", "green", "blue"]
    plain, ended = (
        load(net, classes=names, multiple=4, input_range=(0, 9))(quarters())
        for net in (Strided(), Ending(lambda scores: scores.softmax(1)))
    )
    assert np.array_equal(plain.labels, ended.labels)
    assert plain.areas()[0].confidence > 0.98
    assert ended.areas()[0].confidence == pytest.approx(plain.areas()[0].confidence, abs=0.005)


class OfOneSize(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[2:] == (128, 128), "expected 128 x 128"
        return nn.functional.avg_pool2d(x, 4)


def test_a_net_of_one_size_takes_pictures_of_any_as_its_error_says() -> None:
    names = ["red", "green", "blue"]
    with pytest.raises(ModelError, match=r"expected 128 x 128(.|\n)*a net of one size, such as 224"):
        load(OfOneSize(), classes=names)
    labels = load(OfOneSize(), classes=names, multiple=128, long_side=128)(quarters()).labels
    assert [labels[8, 8], labels[8, 50], labels[35, 8], labels[35, 50]] == [0, 1, 2, 0]


def refuse(scores: torch.Tensor) -> Any:
    raise AssertionError("expected 224 x 224")


def exhaust(scores: torch.Tensor) -> Any:
    raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.mark.parametrize(
    ("net", "names", "message"),
    [
        (Ending(lambda scores: scores[:, :1]), ["red"], r"gives one map(.|\n)*hint: .*zeros_like"),
        (Ending(lambda scores: scores[:, :1]), ["sky", "red"], r"gives one map(.|\n)*hint: .*zeros_like"),
        (Ending(refuse), ["red"], "fails on a picture of 65x97: AssertionError: expected 224 x 224"),
        (Ending(exhaust), ["red"], r"CUDA out of memory\nhint: .* smaller long_side"),
        (fixed_conv().to("meta"), CLASSES, "device meta, so it has no weights"),
    ],
)
def test_nets_that_cannot_label_are_refused(net: nn.Module, names: list[str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(net, classes=names, multiple=4)


class Scaled(nn.Module):
    """A parameter without dimensions, and a function, whose repr holds its address."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.net, self.factor = fixed_conv(), nn.Parameter(torch.tensor(float(factor)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.net(x)
        return scores * self.factor

    def extra_repr(self) -> str:
        return repr(self.forward.__func__)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "make",
    [
        lambda: load(fixed_conv(2), classes=CLASSES),
        lambda: load(fixed_conv(bias=1), classes=CLASSES),
        lambda: load(fixed_conv(dilation=2), classes=CLASSES),
        lambda: load(Scaled(-1), classes=CLASSES),
        lambda: load(fixed_conv(), classes=["background", "dog"]),
        lambda: load(fixed_conv(), classes=CLASSES, long_side=300),
        lambda: load(fixed_conv(), classes=CLASSES, multiple=32),
        lambda: load(fixed_conv(), classes=CLASSES, input_range=(0, 255)),
        lambda: load(fixed_conv(), classes=CLASSES, **IMAGENET),
    ],
)  # fmt: skip
def test_what_changes_results_makes_another_model(make: Callable[[], Predictor]) -> None:
    """Else a folder that it segmented before would keep the old results."""
    plain = {load(fixed_conv(), classes=CLASSES).identity, load(Scaled(1), classes=CLASSES).identity}
    assert make().identity == make().identity
    assert make().identity not in plain


def test_torchvision_s_deeplab_is_judged_like_ours(tmp_path: Path) -> None:
    from PIL import Image
    from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

    torch.manual_seed(0)
    net = deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    Image.fromarray(quarters()).save(tmp_path / "images/a.png")
    Image.fromarray(np.zeros((42, 62), np.uint8)).save(tmp_path / "labels/a.png")
    (tmp_path / "classes.txt").write_text("red\ngreen\nblue\n")
    predictor = load(net, threads=1, classes=["red", "green", "blue"], **IMAGENET)
    assert net.training
    pixels = torch.from_numpy(quarters()).permute(2, 0, 1)[None] / 255
    normalised = (pixels - torch.tensor(IMAGENET["mean"]).view(1, 3, 1, 1)) / torch.tensor(
        IMAGENET["std"]
    ).view(1, 3, 1, 1)
    with torch.inference_mode():
        expected = net.eval()(normalised)["out"][0].numpy()
    result = predictor(quarters())
    assert np.allclose(result.scores, expected, atol=1e-4)
    dataset = open_dataset(f"folder:{tmp_path}", "all")
    assert evaluate(predictor, dataset).confusion.sum() == 42 * 62
    searched = ScoredImages(predictor, dataset, tmp_path / "work")
    searched.compute()
    assert searched.confusion(None).sum() == 42 * 62


def test_normalisation_has_torchvision_s_meaning() -> None:
    factor, offset = Normalisation.of(**IMAGENET, input_range=None).factor_and_offset()
    assert (128 * factor + offset).tolist() == pytest.approx(
        [(128 / 255 - m) / s for m, s in zip(IMAGENET["mean"], IMAGENET["std"], strict=True)], abs=1e-5
    )


class Brightest(nn.Module):
    """Scores of five bands, for two classes: the mean of the first two, and of the others."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(5, 2, 1, bias=False)
        weight = torch.tensor([[0.5, 0.5, 0, 0, 0], [0, 0, 1 / 3, 1 / 3, 1 / 3]])
        self.conv.weight.data = weight[:, :, None, None]

    def forward(self, x: torch.Tensor) -> Any:
        return self.conv(x)


def test_a_net_of_other_channels_takes_bands() -> None:
    predictor = load(Brightest().eval(), classes=["first", "last"], bands="5xuint16", mean=(0.5,) * 5)
    bands = np.zeros((6, 8, 5), np.uint16)
    bands[:, :4, :2] = 40_000
    bands[:, 4:, 2:] = 65_535
    result = predictor(bands)
    assert result.labels.tolist() == [[0] * 4 + [1] * 4] * 6
    assert result.scores[1, 0, 7] == pytest.approx(0.5)  # 65535 is 1, minus the mean
    assert result.scores[0, 0, 0] == pytest.approx(40_000 / 65_535 - 0.5, abs=1e-4)
    with pytest.raises(ModelError, match="has 3 bands of uint8, but the model takes 5 bands of uint16"):
        predictor(quarters())


@pytest.mark.parametrize(
    ("bands", "error", "message"),
    [
        (None, ModelError, r'takes 5 channels, but pictures have 3\nhint: .*bands="5xuint16"'),
        ("4xuint8", ModelError, "takes 5 channels, but pictures have 4"),
        ("5xint4", ValueError, "bands are COUNTxTYPE, such as 4xuint16"),
        ("five", ValueError, "bands are COUNTxTYPE, such as 4xuint16"),
        ("0xuint8", ValueError, "a picture has 1 to 1024 bands, got 0"),
    ],
)
def test_a_net_of_other_channels_is_never_fed_photos(
    bands: str | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(Brightest().eval(), classes=["first", "last"], bands=bands)


def test_bands_need_a_mean_and_std_each() -> None:
    with pytest.raises(ValueError, match=r"mean is 5 numbers, got 0\.5, 0\.5, 0\.5"):
        load(Brightest().eval(), classes=["first", "last"], bands="5xuint16", mean=(0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match="bands: a model file or run folder has these itself"):
        load("default", bands="5xuint16")
