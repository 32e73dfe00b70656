"""Weights from net to net, and fewer taps and filters."""

import pytest
import torch
from torch import nn

from pixelwise.core.errors import ModelError
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.surgery.decimation import decimate
from pixelwise.models.surgery.weight_transplant import transplant


def test_every_tensor_is_accounted_for() -> None:
    source = {
        "conv.weight": torch.ones(2, 3, 1, 1),
        "fc.weight": torch.arange(24.0).view(2, 12),
        "old.weight": torch.ones(1),
        "score.weight": torch.ones(5, 2, 1, 1),
    }
    target = nn.ModuleDict(
        {
            "conv": nn.Conv2d(3, 2, 1, bias=False),
            "fc": nn.Conv2d(3, 2, 2),
            "score": nn.Conv2d(2, 7, 1, bias=False),
        }
    )
    report = transplant(source, target)
    assert report.copied == ("conv.weight",)
    assert report.coerced == ("fc.weight",)
    assert report.dropped == ("old.weight", "score.weight")
    assert report.left == ("fc.bias", "score.weight")
    assert torch.equal(target["fc"].weight, source["fc.weight"].view(2, 3, 2, 2))  # type: ignore[arg-type]
    assert str(report) == (
        "1 copied; 1 coerced; dropped: old.weight, score.weight; left: fc.bias, score.weight"
    )


def test_a_shape_with_other_rows_is_not_coerced() -> None:
    with pytest.raises(ModelError, match="no layer in common"):
        transplant({"weight": torch.ones(3, 4)}, nn.Linear(2, 6))


def test_the_normalisation_of_pixels_is_no_layer_in_common() -> None:
    net = SegmentationNet((0.0,) * 3, (1.0,) * 3)
    with pytest.raises(ModelError, match="no layer in common"):
        transplant({"mean": torch.ones(1, 3, 1, 1), "std": torch.ones(1, 3, 1, 1)}, net)


def test_half_precision_becomes_the_nets_own() -> None:
    net = nn.Linear(2, 1, bias=False)
    transplant({"weight": torch.tensor([[0.5, 1.5]], dtype=torch.float16)}, net)
    assert net.weight.tolist() == [[0.5, 1.5]]


def test_seven_taps_decimate_to_four_and_to_three() -> None:
    weights = torch.arange(7.0).expand(2, 3, 7, 7)
    assert decimate(weights, taps=4)[0, 0, 0].tolist() == [0, 2, 4, 6]
    assert decimate(weights, taps=3)[0, 0, 0].tolist() == [0, 3, 6]
    assert decimate(weights, taps=3).shape == (2, 3, 3, 3)
    assert decimate(weights.transpose(2, 3), taps=3)[0, 0, :, 0].tolist() == [0, 3, 6]


def test_taps_that_cannot_be_equally_apart_are_nearly_so() -> None:
    weights = torch.arange(6.0).expand(2, 3, 6, 6)
    assert decimate(weights, taps=4)[0, 0, 0].tolist() == [0, 2, 3, 5]
    assert decimate(weights, taps=3)[0, 0, 0].tolist() == [0, 2, 5]
    assert torch.equal(decimate(weights, taps=6), weights)


def test_every_fourth_filter_and_channel_stays() -> None:
    weights = torch.arange(8.0).view(8, 1).expand(8, 8)
    assert decimate(weights, filters=2)[:, 0].tolist() == [0, 4]
    assert decimate(weights.T, filters=8, channels=2)[0].tolist() == [0, 4]
    assert decimate(torch.arange(4096.0), filters=1024)[:3].tolist() == [0, 4, 8]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"taps": 8}, "2 to 7 of 7 taps"),
        ({"filters": 3}, "of 8"),
        ({"channels": 0}, "to get 0"),
        ({"taps": 1}, "got 1"),
    ],
)
def test_decimation_to_a_number_that_cannot_be_is_refused(options: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        decimate(torch.zeros(8, 8, 7, 7), **options)
