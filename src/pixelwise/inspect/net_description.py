"""A net of the papers by name: its layers, parameters, operations and published figures."""

from dataclasses import dataclass

import torch

from pixelwise.inspect.canvas import Canvas
from pixelwise.inspect.net_figure import draw
from pixelwise.inspect.net_layers import Layer, deepest_grid, layers_of
from pixelwise.models.layers.grid import Grid
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.models.registry import create


@dataclass(frozen=True)
class NetDescription:
    """The layers of a net for an image of `size`, (height, width).

    field_of_view: of DeepLab's fc6, in pixels; images_per_second: the speed of its authors' training.
    """

    name: str
    size: tuple[int, int]
    layers: tuple[Layer, ...]
    field_of_view: int | None
    images_per_second: float | None

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def operations(self) -> int:
        """For one image; a multiplication and its addition count as 2."""
        return sum(layer.operations for layer in self.layers)

    @property
    def coarsest(self) -> Grid:
        """The grid of the coarsest convolution."""
        return deepest_grid(list(self.layers))

    def drawn(self) -> Canvas:
        """The net as in figure 3 of Long et al. 2015."""
        work = f"{self.parameters / 1e6:.1f} M parameters, {self.operations / 1e9:.0f} GFLOP"
        height, width = self.size
        return draw(list(self.layers), self.name, f"{work} for {height} x {width} pixels")


def describe(name: str, size: tuple[int, int] = (500, 500), classes: int = 21) -> NetDescription:
    """The layers of a paper's net, traced on shapes alone: nothing is computed.

    Raises ValueError for an unknown name and for an image size that the net does not take.
    """
    entry = CATALOGUE.get(name.replace("_", "-"))
    if entry is None:
        raise ValueError(f'there is no net "{name}"; there are {", ".join(CATALOGUE)}')
    with torch.device("meta"):
        net = create(name, classes)
    try:
        layers = layers_of(net, size)
    except RuntimeError as problem:
        raise ValueError(f"{name} does not take {size[0]}x{size[1]}: {problem}") from problem
    view = getattr(net, "field_of_view", None)
    return NetDescription(name, size, tuple(layers), view, entry.images_per_second)
