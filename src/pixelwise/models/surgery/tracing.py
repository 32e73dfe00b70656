"""The graph of a net's forward pass, in which torch's layers and ours are nodes."""

from torch import fx, nn

from pixelwise.models.layers.alignment import Crop, Fuse, Surround
from pixelwise.models.layers.bilinear import BilinearUpsampling
from pixelwise.models.trunks.googlenet import Concatenation

# The layers that know where their cells lie are seen as wholes.
LEAVES = (BilinearUpsampling, Concatenation, Crop, Fuse, Surround)


def trace(net: nn.Module) -> fx.GraphModule:
    """The net as a graph, itself if it is one; the layers are those of `net`.

    Raises ValueError if the way through the net depends on what it computes.
    """
    if isinstance(net, fx.GraphModule):
        return net
    try:
        return fx.GraphModule(net, _Tracer().trace(net))
    except Exception as problem:  # fx raises many kinds
        raise ValueError(f"the way through {type(net).__name__} cannot be followed: {problem}") from problem


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LEAVES) or super().is_leaf_module(m, module_qualified_name)
