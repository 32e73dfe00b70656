"""Open data that is given by name, as a data set or as arrays, and report progress through it."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pixelwise.data.in_memory import Pair, labelled_arrays
from pixelwise.data.sample import LabelledImages
from pixelwise.data.spec import open_dataset

Data = str | LabelledImages | Sequence[Pair]
"""KIND:PATH, a data set, or (image, labels) arrays."""
OnImage = Callable[[str, int, int], None]
"""Called with the name of a split or data set, the number of images done and their total."""


def labelled_images(
    data: Data, split: str, class_names: Sequence[str] | None = None, head: str | None = None
) -> LabelledImages:
    """The data set that `data` stands for; `class_names` belong to arrays, `split` to KIND:PATH. Arrays are
    the labels of any head.

    Raises ValueError for arrays without class names and for class names without arrays, DataError if there is
    no such data set, split or head.
    """
    expect_arrays(class_names, data)
    if isinstance(data, str):
        return open_dataset(data, split, None, None, head)
    if isinstance(data, LabelledImages):
        return data if head is None else data.with_head(head)
    if isinstance(data, Path):
        raise ValueError(f'expected data as KIND:PATH, such as "folder:{data}", got a path alone')
    if class_names is None:
        raise ValueError("arrays need class_names: the names of the classes in the order of their ids")
    if not isinstance(data, Iterable):
        raise ValueError(f"expected data as KIND:PATH, a data set or pairs of arrays, got {data!r}")
    return labelled_arrays(data, class_names)


def expect_arrays(class_names: Sequence[str] | None, *parts: Data) -> None:
    """Raise ValueError if there are class names, but no part of the data is arrays, to which they belong."""
    if class_names is not None and all(isinstance(data, str | LabelledImages) for data in parts):
        raise ValueError(
            "class_names belong to arrays; this data has names of its own, of which `classes` selects some, "
            'such as classes="background,cat"'
        )


def counter(on_image: OnImage | None, name: str, total: int) -> Callable[[int], None]:
    """A function that takes the number of images done and calls `on_image`, if there is one."""

    def tell(done: int) -> None:
        if on_image is not None:
            on_image(name, done, total)

    return tell
