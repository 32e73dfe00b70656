"""The release's border without computing the same rows again and again."""

import pytest
import torch
from torch import nn

from pixelwise.models.surgery.border_rows import RepeatRows, narrow_border
from pixelwise.models.trunks.trunk import Trunk
from pixelwise.models.trunks.vgg16 import vgg16_trunk

TAPS = ("pool3", "pool4", "pool5")


def trunk(taps: tuple[str, ...] = TAPS, first_padding: int = 100) -> Trunk:
    torch.manual_seed(0)
    net = vgg16_trunk(taps, first_padding=first_padding, widths=(4, 4, 5, 6, 7)).double()
    for layer in net.children():
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.normal_(layer.bias, std=0.5)  # so that the border is not empty
    return net


@pytest.mark.parametrize("size", [(1, 1), (2, 37), (31, 33), (64, 96), (97, 130)])
@pytest.mark.parametrize("taps", [TAPS, ("pool5",), ("pool2", "pool5")])
def test_features_stay_what_they_are(size: tuple[int, int], taps: tuple[str, ...]) -> None:
    full, narrow = trunk(taps), trunk(taps)
    narrow_border(narrow)
    image = torch.randn(2, 3, *size, dtype=torch.float64)
    with torch.inference_mode():
        expected, found = full(image), narrow(image)
    assert found.keys() == expected.keys()
    for name in taps:
        assert found[name].shape == expected[name].shape
        assert torch.allclose(found[name], expected[name], rtol=0, atol=1e-12), name


def test_the_border_is_as_narrow_as_the_filters_allow() -> None:
    """100 pixels become 1 + 7; behind the poolings of 2, 4 and 8 pixels come 6, 8 and 6 rows: 7 + 12 + 32 +
    48 = 99.

    A pixel of conv1_2 sees 2 beyond itself and the edge reaches 1 row in: with 7 rows around the image
    there are 7 - 2 = 5 it does not reach, 2 whole cells of pool1; the edge reaches the first and the second
    can be repeated.
    """
    net = trunk()
    narrow_border(net)
    assert net.get_submodule("conv1_1").padding == (8, 8)
    repeats = {name: layer for name, layer in net.named_modules() if isinstance(layer, RepeatRows)}
    assert {name: (layer.index, layer.times) for name, layer in repeats.items()} == {
        "pool1.1": (1, 6),
        "pool2.1": (2, 8),
        "pool3.1": (3, 6),
    }
    assert 7 + 2 * 6 + 4 * 8 + 8 * 6 == 99


def test_other_trunks_are_left_alone() -> None:
    for net in (trunk(first_padding=1), Trunk([("conv1", nn.Conv2d(3, 4, 11, 4, 100))], ["conv1"])):
        before = str(net)
        narrow_border(net)
        assert str(net) == before


def test_rows_and_columns_are_repeated_at_both_ends() -> None:
    cells = torch.arange(5.0).expand(1, 1, 1, 5)
    repeated = RepeatRows(1, 2)(torch.stack([cells[0, 0, 0]] * 5)[None, None])
    assert repeated.shape == (1, 1, 9, 9)
    assert repeated[0, 0, 0].tolist() == [0, 1, 1, 1, 2, 3, 3, 3, 4]
    assert RepeatRows(1, 2).source(5).tolist() == [0, 1, 1, 1, 2, 3, 3, 3, 4]
