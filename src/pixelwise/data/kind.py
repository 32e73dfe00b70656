"""The description of a kind of data set: how to read it, where to get it, and its terms of use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pixelwise.core.errors import DataError
from pixelwise.data.sample import LabelledImages


@dataclass(frozen=True)
class Source:
    """A kind of data set.

    `read` is called with the path, the split, and the options of the spec as keyword arguments; it reads only
    lists and folder names. `splits` are the usual ones. `suffixes`: extensions of files that the path may
    name instead of a folder. `options`: name to meaning.
    """

    kind: str
    title: str
    read: Callable[..., LabelledImages]
    splits: tuple[str, ...]
    layout: str
    get: str
    terms: str
    options: Mapping[str, str] = field(default_factory=dict)
    suffixes: tuple[str, ...] = ()


def one_of(option: str, value: str, allowed: tuple[str, ...]) -> str:
    """The value of an option, if it is allowed. Raises DataError with the list of allowed values."""
    if value not in allowed:
        raise DataError(f"{option}={value} is not known", f"write {option}= and one of {', '.join(allowed)}")
    return value
