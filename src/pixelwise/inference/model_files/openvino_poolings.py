"""Average poolings in OpenVINO for maps of a single row or column of cells.

OpenVINO refuses a window that is larger than the map. ResNet-D (He et al. 2019) and its relatives average
windows of 2x2 in front of their shortcuts, and the windows at the border hold the cells that are there.
"""

from typing import Any

import numpy as np


def pool_maps_of_any_size(model: Any) -> None:
    """Repeat the last row and column of the map in front of each 2x2 average pooling of stride 2, in place.

    The means stay the same: a window of the border now holds its cells twice, and others are not formed.
    """
    from openvino import opset13 as opset

    for pooling in model.get_ops():
        if not _averages_what_is_there(pooling):
            continue
        begin, end = (opset.constant(np.array([0, 0, by, by], np.int64)) for by in (0, 1))
        longer = opset.pad(pooling.input_value(0), begin, end, "edge")
        pooled = opset.avg_pool(longer.output(0), [2, 2], [0, 0], [0, 0], [2, 2], False, "floor")
        names = pooling.output(0).get_names()
        pooled.set_friendly_name(pooling.get_friendly_name())
        pooling.output(0).set_names(set())
        pooled.output(0).set_names(names)
        for target in pooling.output(0).get_target_inputs():
            target.replace_source_output(pooled.output(0))


def _averages_what_is_there(layer: Any) -> bool:
    """Whether it averages windows of 2x2 at stride 2, rounds up and leaves out what is beyond the map."""
    if layer.get_type_name() != "AvgPool":
        return False
    attributes = layer.get_attributes()
    sizes = {"kernel": [2, 2], "strides": [2, 2], "pads_begin": [0, 0], "pads_end": [0, 0]}
    fits = all(list(attributes[name]) == value for name, value in sizes.items())
    plain = list(attributes.get("dilations", [1, 1])) == [1, 1] and attributes["auto_pad"] == "explicit"
    return fits and plain and attributes["exclude-pad"] and attributes["rounding_type"].startswith("ceil")
