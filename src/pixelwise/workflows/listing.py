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
    from pixelwise.inspect import describe
    from pixelwise.models.paper_nets import CATALOGUE

    net = describe(name)
    return {
        "name": name,
        "parameters": net.parameters,
        "receptive_field": int(net.coarsest.field),
        "field_of_view": net.field_of_view,
        "images_per_second": net.images_per_second,
        "stride": int(net.coarsest.stride),
        "operations": net.operations,
        "paper": CATALOGUE[name].paper,
        "ours": CATALOGUE[name].ours,
    }
