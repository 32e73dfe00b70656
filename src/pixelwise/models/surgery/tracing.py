"""Trace the graph of a net's forward pass; torch's layers and ours are its nodes."""

from torch import fx, nn

from pixelwise.models.layers.alignment import Crop, Fuse, Surround
from pixelwise.models.layers.bilinear import BilinearUpsampling
from pixelwise.models.trunks.googlenet import Concatenation

# Layers that compute their own grid are not traced into.
LEAVES = (BilinearUpsampling, Concatenation, Crop, Fuse, Surround)


def trace(net: nn.Module) -> fx.GraphModule:
    """The net as a graph, itself if it is one; the layers are those of `net`.

    Raises ValueError if the control flow of the net depends on computed values.
    """
    if isinstance(net, fx.GraphModule):
        return net
    try:
        return fx.GraphModule(net, _Tracer().trace(net))
    except Exception as problem:  # fx raises many kinds
        raise ValueError(f"{type(net).__name__} cannot be traced: {problem}") from problem


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LEAVES) or super().is_leaf_module(m, module_qualified_name)
