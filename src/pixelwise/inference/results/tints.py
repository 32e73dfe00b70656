"""The colours of classes in overlays and legends: told apart on photos, and by people who are colour-blind.

Masks keep the palettes of data sets, VOC's for example, in which several classes look alike on a photo.
"""

from functools import lru_cache

from pixelwise.core.classes import RGB, Classes

TINTS: tuple[RGB, ...] = (
    (51, 204, 51),
    (170, 68, 221),
    (51, 187, 255),
    (221, 0, 34),
    (51, 255, 221),
    (255, 119, 187),
    (0, 102, 153),
    (204, 238, 34),
    (51, 153, 119),
    (153, 51, 102),
    (0, 119, 0),
    (136, 136, 255),
    (153, 204, 136),
    (153, 153, 0),
    (187, 102, 170),
    (119, 221, 255),
    (238, 221, 136),
    (187, 17, 153),
    (255, 68, 119),
    (102, 51, 204),
)
"""As docs/tints.py chooses them: the first N are far from each other, and from skin, fur and asphalt."""

_NATURAL = {"sky": 2, "road": 1, "tree": 0, "trees": 0, "vegetation": 0, "grass": 0, "pottedplant": 0}


@lru_cache(maxsize=64)
def tints(classes: Classes) -> tuple[RGB, ...]:
    """A colour for each class id: TINTS in order, but blue for sky, green for plants and violet for roads.

    The background is grey. If there are more other classes than TINTS, each class has its own colour.
    """
    shown = [id_ for id_ in range(len(classes)) if id_ != classes.background]
    own = [visible_colour(colour) for colour in classes.palette]
    if len(shown) > len(TINTS):
        return tuple(own)
    free = dict.fromkeys(range(len(shown)))
    places: dict[int, int] = {}
    for id_ in shown:
        natural = _NATURAL.get(classes.names[id_])
        if natural in free:
            places[id_] = natural
            del free[natural]
    for id_, place in zip((id_ for id_ in shown if id_ not in places), free, strict=True):
        places[id_] = place
    return tuple(TINTS[places[id_]] if id_ in places else (90, 90, 90) for id_ in range(len(classes)))


def visible_colour(color: RGB) -> RGB:
    """The colour, brightened if it is too dark to be seen on a photo (black becomes dark grey)."""
    brightest = max(color)
    if brightest == 0:
        return 90, 90, 90
    scale = (120 + 135 * brightest / 255) / brightest
    return round(color[0] * scale), round(color[1] * scale), round(color[2] * scale)
