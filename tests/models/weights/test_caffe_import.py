"""Caffe's weights in our nets: a net written as Caffe writes it, read back, scores as before."""

from pathlib import Path

import numpy as np
import pytest
import torch
from caffe_files import Layer, caffemodel
from small_nets import FILTERS, as_caffe, scores_of, small_fcn, with_random_weights
from torch import nn

from pixelwise.models.nets.fcn import fcn
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.registry import create
from pixelwise.models.weights.caffe_import import Report, classes_of, copy_caffe
from pixelwise.models.weights.caffemodel import CaffeLayer, CaffeNet, read_caffemodel


def read(content: bytes, folder: Path) -> CaffeNet:
    (folder / "net.caffemodel").write_bytes(content)
    return read_caffemodel(folder / "net.caffemodel")


def imported(layers: list[Layer], net: SegmentationNet, folder: Path) -> Report:
    return copy_caffe(read(caffemodel(layers), folder), net)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("inner_products", [False, True])
def test_a_net_scores_as_before_it_went_through_caffe(
    tmp_path: Path, version: int, inner_products: bool
) -> None:
    torch.manual_seed(0)
    original = with_random_weights(small_fcn())
    source = read(as_caffe(original, version, inner_products), tmp_path)
    net = small_fcn()
    report = copy_caffe(source, net)
    assert report.complete
    assert report.left == ()
    assert torch.equal(scores_of(net), scores_of(original))
    assert classes_of(source) == 5
    changes = {match.parameter: match.change for match in report.matches if match.change}
    assert changes["backbone.conv1_1.weight"] == "BGR to RGB"
    assert changes["upscore8.weight"] == "diagonal of (5, 5, 16, 16)"
    assert ("fc6.weight" in changes) == inner_products
    if inner_products:
        assert changes["fc6.weight"] == f"inner product ({FILTERS}, {8 * 7 * 7}) as convolution"


def test_a_net_trained_at_once_is_told_from_one_trained_by_stages(tmp_path: Path) -> None:
    """The release's layers scale_pool4 and scale_pool3 hold 0.01 and 0.0001; nothing else differs."""
    torch.manual_seed(0)
    original = with_random_weights(small_fcn(at_once=True))
    source = read(as_caffe(original), tmp_path)
    net = small_fcn(at_once=True)
    report = copy_caffe(source, net)
    assert report.complete
    assert report.left == ()
    assert torch.equal(scores_of(net), scores_of(original))

    report = copy_caffe(source, small_fcn())
    assert not report.complete
    assert report.misfits == (
        "scale_pool4: the file multiplies pool4 by 0.01, the net by 1",
        "scale_pool3: the file multiplies pool3 by 0.0001, the net by 1",
    )
    assert report.left == ()
    report = copy_caffe(read(as_caffe(small_fcn()), tmp_path), net)
    assert report.misfits[0] == "scale_pool4: the file multiplies pool4 by 1, the net by 0.01"


def test_what_a_classifier_has_not_is_no_misfit_of_a_net_trained_at_once() -> None:
    first = Layer("conv1_1", blobs=[np.zeros((4, 3, 3, 3), np.float32), np.zeros(4, np.float32)])
    report = copy_caffe(CaffeNet("vgg", 2, (_caffe(first),)), small_fcn(at_once=True))
    assert report.misfits == ()
    assert len(report.matches) == 2


def test_what_does_not_match_is_told() -> None:
    net = small_fcn(32)
    layers = [
        Layer("conv1_1", blobs=[np.zeros((4, 3, 5, 5), np.float32), np.zeros(4, np.float32)]),
        Layer("conv1_2", blobs=[np.zeros((4, 4, 3, 3), np.float32)]),
        Layer("upscore", ("Deconvolution", 39), [np.ones((5, 5, 64, 64), np.float32)]),
        Layer("fc8", ("InnerProduct", 14), [np.zeros((1000, 4096), np.float32)]),
    ]
    report = copy_caffe(CaffeNet("x", 2, tuple(_caffe(layer) for layer in layers)), net)
    assert [match.parameter for match in report.matches] == [
        "backbone.conv1_1.bias",
        "backbone.conv1_2.weight",
    ]
    assert report.misfits == (
        "conv1_1: backbone.conv1_1.weight is (4, 3, 3, 3), the file has (4, 3, 5, 5)",
        "upscore: upscore.weight is (5, 1, 64, 64), the file has (5, 5, 64, 64) whose channels mix "
        f"({5 * 4 * 64 * 64} weights off the diagonal)",
    )
    assert report.left == ("fc8",)
    assert "score_fr.weight" in report.missing
    assert "backbone.conv1_2.bias" in report.missing
    assert "backbone.conv1_1.weight" not in report.missing  # it is among the misfits
    assert not report.complete


def _caffe(layer: Layer) -> CaffeLayer:
    return CaffeLayer(layer.name, layer.type[0], (), (), tuple(layer.blobs))


def test_fixed_bilinear_filters_need_not_be_in_the_file(tmp_path: Path) -> None:
    layers = [
        Layer(name.removeprefix("backbone."), blobs=[m.weight.detach().numpy(), m.bias.detach().numpy()])
        for name, m in small_fcn().named_modules()
        if isinstance(m, nn.Conv2d) and m.bias is not None
    ]
    assert imported(layers, small_fcn(), tmp_path).complete


def test_a_score_layer_of_a_longer_name_is_found_if_it_is_the_only_one(tmp_path: Path) -> None:
    blobs = [np.ones((21, 1024, 1, 1), np.float32), np.zeros(21, np.float32)]
    with torch.device("meta"):
        net = create("deeplab-large-fov")
    report = imported([Layer("fc8_voc12", blobs=blobs)], net, tmp_path)
    assert [match.parameter for match in report.matches] == ["fc8.weight", "fc8.bias"]
    report = imported([Layer("fc8_voc12", blobs=blobs), Layer("fc8_coco", blobs=blobs)], net, tmp_path)
    assert report.matches == ()
    assert report.left == ("fc8_voc12", "fc8_coco")


def test_googlenet_and_two_streams_have_caffes_names(tmp_path: Path) -> None:
    with torch.device("meta"):
        googlenet, two = create("fcn32s-googlenet"), fcn("vgg16", 32, in_channels=6)
    layers = [Layer("inception_3a/5x5", blobs=[np.zeros((32, 16, 5, 5), np.float32)])]
    layers.append(Layer("conv1/7x7_s2", blobs=[np.zeros((64, 3, 7, 7), np.float32)]))
    report = imported(layers, googlenet, tmp_path)
    assert {match.parameter: match.change for match in report.matches} == {
        "backbone.conv1/7x7_s2.weight": "BGR to RGB",
        "backbone.inception_3a.5x5.weight": "",
    }
    first = np.zeros((64, 3, 3, 3), np.float32)
    report = imported(
        [Layer("conv1_1color", blobs=[first]), Layer("conv1_1hha", blobs=[first])], two, tmp_path
    )
    assert {match.parameter: match.change for match in report.matches} == {
        "colour.backbone.conv1_1.weight": "BGR to RGB",
        "other.backbone.conv1_1.weight": "",  # HHA lies in the file's order
    }
