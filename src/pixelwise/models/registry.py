"""Nets by name: the papers' nets, skip_fcn, and those that users register. Importing this needs no torch."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pixelwise.core.errors import extras_named
from pixelwise.core.types import is_whole
from pixelwise.models.paper_nets import CATALOGUE, NO_FIGURE, Entry

if TYPE_CHECKING:
    from pixelwise.models.nets.segmentation_net import SegmentationNet

Constructor = TypeVar("Constructor", bound="Callable[..., SegmentationNet]")
RANDOM = "none"
"""The name of random weights."""
_FILE = "a file"


def _skip_fcn(**arguments: Any) -> "SegmentationNet":
    from pixelwise.models.nets.skip_fcn import skip_fcn

    return skip_fcn(**arguments)


_OTHERS = {
    "skip_fcn": Entry(
        {},
        NO_FIGURE,
        constructor=_skip_fcn,
        settings=(
            *("backbone", "output_stride", "skips", "context", "rates", "hidden", "dropout", "upsampling"),
            "batch_norm",
        ),
        channels=(3,),
        weights=("package", "timm", _FILE),
        backbone=None,
    )
}


def list_models() -> list[str]:
    """The names that `create` takes."""
    return [*_OTHERS, *CATALOGUE]


def find(name: str) -> Entry | None:
    """The entry of that name, with "_" or "-". None if there is none."""
    return _OTHERS.get(name.replace("-", "_")) or CATALOGUE.get(name.replace("_", "-"))


def entry_of(name: str) -> Entry:
    """The entry of that name. Raises ValueError with the list of names."""
    entry = find(name)
    if entry is None:
        raise ValueError(f'there is no net "{name}"; there are {", ".join(list_models())}')
    return entry


@extras_named()
def create(
    name: str,
    classes: int = 21,
    weights: str | None = None,
    in_channels: int = 3,
    backbone: str | None = None,
    **settings: Any,
) -> "SegmentationNet":
    """A new net by its name: pixels (N, in_channels, H, W) from 0 to 255 in, scores (N, classes, H, W) out.

    weights: initial weights of the backbone, one of the entry's sources or a file; None or "none": random.
    backbone: timm's name of the backbone, for nets that leave the choice. settings: further arguments of the
    net's constructor. Raises ValueError for an unknown name, and for a number of classes or channels, a
    source of weights or a backbone that the net does not support; ModelError for weights that cannot be read
    or do not fit.
    """
    entry = entry_of(name)
    if not is_whole(classes) or classes < 1:
        raise ValueError(f"classes must be a whole number, at least 1, got {classes!r}")
    if in_channels not in entry.channels and not (entry.bands and in_channels >= 1):
        taken = "at least 1 channel" if entry.bands else f"{', '.join(map(str, entry.channels))} channels"
        raise ValueError(f"{name} takes {taken}, got {in_channels}")
    if not takes_weights(entry, weights):
        raise ValueError(f'{name} takes the weights {sources(entry)}, got "{weights}"')
    chooses = "backbone" in entry.settings
    if not chooses and backbone not in (None, entry.trunk):
        raise ValueError(f'{name} is built on {entry.trunk or "a trunk of its own"}, not on "{backbone}"')
    given: dict[str, Any] = {**entry.arguments, "classes": classes, **settings}
    if weights not in (None, RANDOM):
        given["weights"] = weights
    if in_channels != 3:
        given["in_channels"] = in_channels
    if chooses and backbone is not None:
        given["backbone"] = backbone
    return entry.constructor(**given)


def register(name: str, **known: Any) -> Callable[[Constructor], Constructor]:
    """Decorate the constructor of your own net, so that `create` and recipes find it by `name`.

    The constructor is called with `classes`, with each of `settings` that a recipe sets, and with `weights`,
    `in_channels` and `backbone` if the caller gives them. known: the fields of Entry: `settings`, `channels`,
    `bands`, `weights`, `backbone`, `paper`, `ours`. Raises ValueError if another net has the name.
    """
    if find(name) is not None:
        raise ValueError(f'a net "{name}" already exists; choose another name')
    defaults: dict[str, Any] = {
        "arguments": {},
        "settings": (),
        "channels": (3,),
        "bands": False,
        "weights": (),
        "backbone": None,
    }

    def keep(constructor: Constructor) -> Constructor:
        _OTHERS[name.replace("-", "_")] = Entry(constructor=constructor, **{**defaults, **known})
        return constructor

    return keep


def takes_weights(entry: Entry, weights: str | None) -> bool:
    """Whether a net of this entry may start from `weights`: a source by name, or a file if it takes files."""
    if weights in (None, RANDOM, *entry.weights):
        return True
    return _FILE in entry.weights and weights not in ("package", "timm", "torchvision")


def sources(entry: Entry) -> str:
    """The possible values of `weights`, for a sentence."""
    names = [f'"{RANDOM}"', *(name if name == _FILE else f'"{name}"' for name in entry.weights)]
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
