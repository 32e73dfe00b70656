"""The names and colours of a set of classes."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from pixelwise.core.types import is_whole

RGB = tuple[int, int, int]


@cache
def voc_palette(entries: int = 256) -> tuple[RGB, ...]:
    """The colours of PASCAL VOC's label files: id 0 is black, 1 dark red, 2 dark green, ...

    Bit 3k, 3k+1 and 3k+2 of the id become bit 7-k of red, green and blue. Source: the VOC development kit.
    """

    def channel(index: int, offset: int) -> int:
        return sum(((index >> (3 * k + offset)) & 1) << (7 - k) for k in range(8))

    return tuple((channel(i, 0), channel(i, 1), channel(i, 2)) for i in range(entries))


def is_one_line(name: str) -> bool:
    """Whether a class name can be a line of a text file: it has no control characters or line separators."""
    return not any(unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") for character in name)


@dataclass(frozen=True)
class Classes:
    """Class names and colours by id; `background` is the id that a cutout makes transparent, or None.

    Lists and arrays become tuples. Raises ValueError for names that are not 1 to 255 different texts, and for
    colours that are not as many triples of whole numbers from 0 to 255.
    """

    names: tuple[str, ...]
    palette: tuple[RGB, ...]
    background: int | None = None

    def __post_init__(self) -> None:
        _expect_list(self.names)
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "palette", tuple(map(_colour, self.palette)))
        if not 1 <= len(self.names) <= 255:
            raise ValueError(f"expected 1 to 255 classes (255 is void), got {len(self.names)}")
        if wrong := [name for name in self.names if not isinstance(name, str)]:
            raise ValueError(f"class names are texts, got {wrong[0]!r}")
        if len(set(self.names)) != len(self.names):
            repeated = sorted({name for name in self.names if self.names.count(name) > 1})
            raise ValueError(f"class names must differ, but these repeat: {', '.join(repeated)}")
        if len(self.palette) != len(self.names):
            raise ValueError(f"{len(self.names)} classes need as many colours, got {len(self.palette)}")
        if self.background is None:
            return
        if not is_whole(self.background) or not 0 <= self.background < len(self.names):
            raise ValueError(f"background {self.background!r} is not a class id below {len(self.names)}")
        object.__setattr__(self, "background", int(self.background))  # JSON takes no numbers of numpy

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def named(cls, names: Sequence[str], palette: tuple[RGB, ...] | None = None) -> "Classes":
        """Classes with these names and VOC's colours or the palette; a class "background" is recognised.

        Raises ValueError for names that are not a list of 1 to 255 different texts.
        """
        _expect_list(names)
        known = tuple(names)
        chosen = voc_palette(len(known)) if palette is None else palette
        return cls(known, chosen, known.index("background") if "background" in known else None)


def _expect_list(names: object) -> None:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f'expected a list of class names, such as ["background", "cat"], got {names!r}')


def _colour(values: Sequence[int]) -> RGB:
    channels = tuple(values) if isinstance(values, Iterable) else ()
    if len(channels) != 3 or not all(is_whole(channel) and 0 <= channel <= 255 for channel in channels):
        raise ValueError(f"a colour is three whole numbers from 0 to 255, got {values!r}")
    return int(channels[0]), int(channels[1]), int(channels[2])
