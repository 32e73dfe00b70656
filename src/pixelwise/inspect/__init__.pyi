"""What a net is made of: its layers, and a drawing of them."""

from .net_description import NetDescription, describe
from .net_figure import draw
from .net_layers import Layer, layers_of

__all__ = [
    "Layer",
    "NetDescription",
    "describe",
    "draw",
    "layers_of",
]
