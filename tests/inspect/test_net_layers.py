"""Layers, grids, parameters and work of nets that are never computed."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch
from small_nets import small_fcn

from pixelwise.inspect.net_description import describe
from pixelwise.inspect.net_layers import Layer, deepest_grid, layers_of
from pixelwise.models.layers.bilinear import BilinearUpsampling
from pixelwise.models.layers.grid import Grid
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.models.registry import create


def layers(name: str, size: tuple[int, int] = (500, 500)) -> list[Layer]:
    with torch.device("meta"):
        return layers_of(create(name), size)


def named(found: list[Layer]) -> dict[str, Layer]:
    return {layer.name: layer for layer in found}


def test_fcn8s_has_the_releases_sizes_and_offsets() -> None:
    """500 + 2 * 99 = 698 rows behind conv1_1; poolings round up: 349, 175, 88, 44, 22; fc6 leaves 22 - 6 =
    16.
    """
    found = named(layers("fcn8s-vgg16"))
    rows = {name: layer.size[0] for name, layer in found.items()}
    assert [rows[f"pool{i}"] for i in range(1, 6)] == [349, 175, 88, 44, 22]
    assert (rows["fc6"], rows["upscore2"], rows["upscore_pool4"], rows["upscore8"]) == (16, 34, 70, 568)
    assert found["score_fr"].grid == Grid(Fraction(32), Fraction(25, 2), Fraction(404))
    assert found["score"].size == (500, 500)
    assert found["score"].inputs[0] == "upscore8"


def test_operations_are_two_for_every_multiply_add() -> None:
    found = named(layers("fcn8s-vgg16"))
    assert found["conv1_2"].operations == 2 * 64 * 64 * 9 * 698 * 698
    assert found["upscore8"].operations == 2 * 21 * 70 * 70 * 16 * 16  # each cell meets each tap
    assert found["conv1_2"].parameters == 64 * 64 * 9 + 64
    assert found["relu1_2"].operations == found["pool1"].operations == 0


def test_sizes_follow_the_image_and_any_image_goes_in() -> None:
    for size in ((1, 1), (33, 70)):
        assert layers_of(small_fcn(), size)[-1].size == size


@pytest.mark.parametrize(
    ("name", "millions", "field", "stride"),
    [
        ("fcn32s-alexnet", 57, 355, 32),
        ("fcn32s-vgg16", 134, 404, 32),
        # The paper's 907 has the 7x7 average pooling in it, which FCN drops: 715 + 6 * 32 = 907.
        ("fcn32s-googlenet", 6, 907 - 6 * 32, 32),
    ],
)
def test_table_1_of_the_fcn_paper(name: str, millions: int, field: int, stride: int) -> None:
    found = layers(name)
    assert round(sum(layer.parameters for layer in found) / 1e6) == millions
    assert (int(deepest_grid(found).field), int(deepest_grid(found).stride)) == (field, stride)


@pytest.mark.parametrize(
    ("name", "millions"),
    [("deeplab-7x7", 134.3), ("deeplab-base", 65.1), ("deeplab-4x4", 65.1), ("deeplab-large-fov", 20.5)],
)
def test_deeplabs_parameters(name: str, millions: float) -> None:
    assert round(sum(layer.parameters for layer in layers(name)) / 1e6, 1) == millions


@pytest.mark.slow
@pytest.mark.parametrize("name", CATALOGUE)
def test_every_net_of_the_catalogue_is_understood(name: str) -> None:
    """Every map has a grid, all parameters but those of fixed upsampling are accounted for, and the last map
    is the image's.
    """
    with torch.device("meta"):
        net = create(name, 7)
    fixed = [m.weight.numel() for m in net.modules() if isinstance(m, BilinearUpsampling)]
    total = sum(parameter.numel() for parameter in net.parameters()) - sum(fixed)
    found = layers_of(net, (97, 131))
    assert [layer.name for layer in found if layer.grid is None] == []
    assert sum(layer.parameters for layer in found) == total
    assert (found[-1].channels, found[-1].size) == (7, (97, 131))
    assert len({layer.name for layer in found}) == len(found)


def test_a_description_sums_its_layers_and_names_what_it_cannot_do(tmp_path: Path) -> None:
    found = describe("deeplab-large-fov", (33, 41), classes=5)
    assert found.parameters == sum(layer.parameters for layer in found.layers)
    assert (found.field_of_view, found.images_per_second) == (224, 4.84)
    assert (found.layers[-1].channels, found.layers[-1].size) == (5, (33, 41))
    found.drawn().save(tmp_path / "net.svg")
    assert "for 33 x 41 pixels" in (tmp_path / "net.svg").read_text()
    with pytest.raises(ValueError, match='no net "fcn4s"; there are fcn32s-alexnet'):
        describe("fcn4s")
