"""The models that ship, and the nets that can be trained, as plain data."""

from typing import Any

from pixelwise.inference.model_files.model_file import bundled_names


def shipped_models() -> list[dict[str, Any]]:
    """Name and class names of each model that ships."""
    from pixelwise.workflows.loading import load

    return [{"name": name, "classes": list(load(name, 1).classes.names)} for name in bundled_names()]


def nets() -> list[dict[str, Any]]:
    """Of each of the papers' nets: parameters, receptive field, stride, operations and published figures."""
    from pixelwise.models.paper_nets import CATALOGUE

    return [_row(name) for name in CATALOGUE]


def _row(name: str) -> dict[str, Any]:
    import torch

    from pixelwise.inspect.net_layers import deepest_grid, layers_of
    from pixelwise.models.paper_nets import CATALOGUE, build

    with torch.device("meta"):
        net = build(name)
    layers = layers_of(net)
    grid = deepest_grid(layers)
    return {
        "name": name,
        "parameters": sum(layer.parameters for layer in layers),
        "receptive_field": int(grid.field),
        "field_of_view": getattr(net, "field_of_view", None),
        "images_per_second": CATALOGUE[name].images_per_second,
        "stride": int(grid.stride),
        "operations": sum(layer.operations for layer in layers),
        "paper": CATALOGUE[name].paper,
        "ours": CATALOGUE[name].ours,
    }
