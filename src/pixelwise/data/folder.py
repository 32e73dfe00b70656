"""Your own pictures: images/ and labels/ with files of equal names, at the top or below train/ and val/.

Without train/ and val/ every tenth image in name order, from the tenth on, is "val" (the last one if there
are fewer), the rest "train"; "all" is everything. classes.txt at the top names the classes, a line each,
the first is id 0; 255 is void.
"""

from pathlib import Path

from pixelwise.data.class_map import ClassMap
from pixelwise.data.sample import IMAGE_SUFFIXES, LabelledImages, Pair
from pixelwise.errors import DataError
from pixelwise.labels import Classes


def folder(root: Path, split: str) -> LabelledImages:
    """The split of the folder `root`."""
    pairs = _split(root, split)
    return LabelledImages(f"folder:{root} {split}", pairs, ClassMap.identity(_classes(root)))


def _split(root: Path, split: str) -> tuple[Pair, ...]:
    own = root / split
    if (own / "images").is_dir() and (own / "labels").is_dir():
        return pairs_of(own / "images", own / "labels")
    if not ((root / "images").is_dir() and (root / "labels").is_dir()):
        raise DataError(
            f'no split "{split}": {own} has no images/ and labels/, nor has {root}',
            "put pictures into images/ and PNG files of ids into labels/, with equal names",
        )
    pairs = pairs_of(root / "images", root / "labels")
    held_out = set(pairs[9::10]) or set(pairs[1:][-1:])
    chosen = {
        "all": pairs,
        "train": tuple(pair for pair in pairs if pair not in held_out),
        "val": tuple(pair for pair in pairs if pair in held_out),
    }
    if split not in chosen:
        raise DataError(f'no split "{split}" in {root}', f"there are {', '.join(chosen)}")
    return chosen[split]


def pairs_of(images: Path, labels: Path) -> tuple[Pair, ...]:
    """One pair per file of either folder; a partner that is missing gets the name it should have."""
    photos, masks = _by_stem(images), _by_stem(labels)
    return tuple(
        Pair(stem, photos.get(stem, images / f"{stem}.jpg"), masks.get(stem, labels / f"{stem}.png"))
        for stem in sorted(photos.keys() | masks.keys())
    )


def _by_stem(place: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(place.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise DataError(
                f"{found[path.stem]} and {path} differ only in their ending", "files need names of their own"
            )
        found[path.stem] = path
    return found


def _classes(root: Path) -> Classes:
    file = root / "classes.txt"
    if not file.is_file():
        raise DataError(
            f"the names of the classes are not there: {file} not found",
            "write one name per line; the first line is id 0",
        )
    try:
        names = [line.strip() for line in file.read_text(encoding="utf-8-sig").rstrip().splitlines()]
        if "" in names:
            raise ValueError(f"line {names.index('') + 1} is empty, but every line is a class")
        return Classes.named(names)
    except ValueError as error:
        raise DataError(f"{file}: {error}") from None
