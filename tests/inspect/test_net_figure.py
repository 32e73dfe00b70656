"""Drawings of nets: what is shown, where, and that both kinds of file hold it."""

from xml.etree import ElementTree

import pytest
import torch

from pixelwise.inspect.canvas import Canvas
from pixelwise.inspect.net_figure import SIDE, Shown, draw, place, shown_maps
from pixelwise.inspect.net_layers import Layer, layers_of
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.models.registry import create


def layers(name: str) -> list[Layer]:
    with torch.device("meta"):
        return layers_of(create(name))


def placed(name: str) -> dict[str, Shown]:
    return {one.title: one for one in place(shown_maps(layers(name))).values()}


def test_fcn8s_is_drawn_as_in_figure_3() -> None:
    """Five poolings and the scores in a row, and two sums below it, each with a pooling and what comes from
    above.
    """
    found = placed("fcn8s-vgg16")
    pools = [f"pool{i}" for i in range(1, 6)]
    assert list(found) == ["image", *pools, "score_fr", "fuse_pool4", "fuse_pool3", "prediction"]
    assert [[arrow.convolutions for arrow in found[name].arrows] for name in (*pools, "score_fr")] == [
        [2],
        [2],
        [3],
        [3],
        [3],
        [3],
    ]
    assert [(a.source, a.factor) for a in found["fuse_pool4"].arrows] == [("score_fr", 2), ("pool4", 1)]
    assert [(a.source, a.factor) for a in found["fuse_pool3"].arrows] == [("fuse_pool4", 2), ("pool3", 1)]
    assert [(a.source, a.factor) for a in found["prediction"].arrows] == [("fuse_pool3", 8)]
    assert found["image"].y == found["score_fr"].y < found["fuse_pool4"].y < found["fuse_pool3"].y


def test_atrous_rates_are_noted() -> None:
    found = placed("deeplab-large-fov")
    assert [found[name].arrows[0].rate for name in ("pool4", "pool5", "fc8")] == [1, 2, 12]


@pytest.mark.slow
@pytest.mark.parametrize("name", CATALOGUE)
def test_maps_and_lanes_do_not_overlap(name: str) -> None:
    maps = list(placed(name).values())
    boxes = [(one.x, one.y, one.x + SIDE, one.y + SIDE) for one in maps]
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
    lanes = [arrow.lane for one in maps for arrow in one.arrows if arrow.lane is not None]
    assert len(set(lanes)) == len(lanes)
    assert all(lane > maps[0].y + SIDE for lane in lanes)


def test_svg_and_picture_show_the_same() -> None:
    canvas = draw(layers("fcn16s-vgg16"), "a < b & c", "caption")
    root = ElementTree.fromstring(canvas.svg())
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words[:2] == ["a < b & c", "caption"]
    assert "fuse_pool4" in words
    picture = canvas.picture()
    assert picture.size == (2 * canvas.width, 2 * canvas.height)
    assert picture.getpixel((0, 0)) == (255, 255, 255)
    assert len(picture.getcolors(1 << 20) or []) > 50  # grids, frames and words, smoothed


def test_a_canvas_paints_where_it_is_told() -> None:
    canvas = Canvas(40, 30)
    canvas.rectangle(10, 5, 20, 10, "#ff0000")
    canvas.line([(0, 25), (40, 25)], "#0000ff", 4)
    picture = canvas.picture()  # of twice the size
    assert picture.getpixel((40, 20)) == (255, 0, 0)
    assert picture.getpixel((40, 50)) == (0, 0, 255)
    assert picture.getpixel((10, 10)) == (255, 255, 255)
    assert '<rect x="10" y="5" width="20" height="10" fill="#ff0000"/>' in canvas.svg()
