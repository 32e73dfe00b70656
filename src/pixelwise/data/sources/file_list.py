"""A list of your own files: CSV with a header, or JSON lines, with the columns image and label.

Other columns: id (default: the picture's name, with its folders if others of the split share it), split
(default: as in folder.py), label.HEAD for more heads, channel.NAME for extra channels. Paths are relative to
the list. classes.txt beside it names the classes, classes.HEAD.txt those of other heads.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.terminal import counted, printable
from pixelwise.data.annotations.names import common_folder, picture_name
from pixelwise.data.kind import Source
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ChannelFile, IdFile, ImageFile, portable, read_text
from pixelwise.data.sources.folder import OPTIONS, IdRule, classes_file, held_out, is_split

_MOST_BYTES = 200_000_000  # of a list, which takes about 100 bytes per image
_LONGEST = 4096  # characters of a path
_FORM = 'write one object per line, such as {"image": ..., "label": ...}'


def manifest(
    root: Path, split: str, classes: str = "", zero: str = "class", foreground: str = ""
) -> LabelledImages:
    """The split of the list `root`; `classes` names another file than classes.txt. Lines of other splits are
    ignored, so they need no label.
    """
    rule = IdRule.of(zero, foreground)
    if not root.is_file():
        raise DataError(f"{root} is a folder, not a list", "name the .csv or .jsonl file")
    found = list(_rows(root))
    named = sorted({row["split"] for _, row in found if row.get("split")})
    if named:
        without = [line for line, row in found if "split" not in row]
        if without:
            raise DataError(
                f"{root}: {counted(len(without), 'line')} without a split, while others have one, "
                f"such as line {without[0]}",
                "give every line a split; one that you do not name, such as unused, is left out",
            )
        wanted = [split] if split in named else _meant(named, split)
        if not wanted:
            raise SplitError(f'no split "{split}" in {root}', f"there are {', '.join(named)}, all")
        found = [(line, row) for line, row in found if row["split"] in wanted]
    ids = _distinct_ids([root.parent / portable(row["image"]) for _, row in found if _is_unnamed(row)])
    rows = [_entry(root, row, line, ids) for line, row in found]
    entries = tuple(rows) if named else held_out(rows, split, 10)
    own = {SEMANTIC: Path(classes).expanduser()} if classes else {}
    names = list(rows[0].labels) if rows else [SEMANTIC]
    for entry in rows:
        if list(entry.labels) != names:
            raise DataError(
                f"{root}: {entry.id} has the heads {list(entry.labels)}, others {names}",
                "give all lines the same heads",
            )
    heads = {name: rule.classes(own.get(name, root.with_name(classes_file(name)))) for name in names}
    return LabelledImages(f"manifest:{root} {split}", entries, heads)


def _meant(named: list[str], split: str) -> list[str]:
    """The names that mean a split. "all" is train and val, or everything if there are neither."""
    parts = ("train", "val") if split == "all" else (split,)
    found = [name for name in named if any(is_split(name, part) for part in parts)]
    return named if split == "all" and not found else found


def _is_unnamed(row: Mapping[str, str]) -> bool:
    return "image" in row and "id" not in row


def _distinct_ids(images: Sequence[Path]) -> dict[Path, str]:
    """The id of each picture: its name, or if several have that name, its path below their common folder."""
    times = Counter(image.stem for image in set(images))
    place = common_folder(images)
    return {
        image: image.stem
        if times[image.stem] == 1
        else Path(picture_name(image, place)).with_suffix("").as_posix()
        for image in images
    }


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and columns."""
    text = read_text(file, "list", _MOST_BYTES)
    yield from _csv_rows(file, text) if file.suffix.lower() == ".csv" else _json_rows(file, text)


def _csv_rows(file: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)  # an open quote would hide lines
    try:
        for row in reader:
            yield reader.line_num, {name: value for name, value in row.items() if name and value}
    except csv.Error as error:
        reason = "a quotation mark is not closed" if "end of data" in str(error) else str(error)
        raise DataError(
            f"{file}, line {reader.line_num + 1}: not CSV: {reason}", "write a header, and one line per image"
        ) from None


def _json_rows(file: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:  # ValueError: also integers of thousands of digits
            raise DataError(f"{file}, line {number}: not JSON: {error}", _FORM) from None
        if not isinstance(content, dict):
            raise DataError(
                f"{file}, line {number}: expected an object, got a {type(content).__name__}", _FORM
            )
        for name, value in content.items():
            if not isinstance(value, str | int | float | None):
                raise DataError(
                    f"{file}, line {number}: {printable(name[:80])} is a {type(value).__name__}, not text",
                    _FORM,
                )
        yield number, {name: str(value) for name, value in content.items() if value not in (None, "")}


def _entry(file: Path, row: dict[str, str], line: int, ids: Mapping[Path, str]) -> Entry:
    """The sample of a row; `ids` are those of the split's pictures without one in the list."""
    missing = [name for name in ("image", "label") if name not in row]
    if missing:
        there = printable(", ".join(row)[:80]) or "empty columns"
        raise DataError(
            f"{file}, line {line}: no {' and no '.join(missing)}, only {there}",
            "the columns image and label are needed; id, split, label.HEAD and channel.NAME may be added",
        )
    if too_long := [name for name, value in row.items() if len(value) > _LONGEST]:
        raise DataError(
            f"{file}, line {line}: {printable(too_long[0][:80])} has more than {_LONGEST:,} characters",
            "is a quotation mark or a line break missing?",
        )
    paths = {name: file.parent / portable(value) for name, value in row.items() if _is_path(name)}
    labels = {SEMANTIC: IdFile(paths["label"])}
    labels |= {
        name.removeprefix("label."): IdFile(path) for name, path in paths.items() if name.startswith("label.")
    }
    channels = {
        name.removeprefix("channel."): ChannelFile(path)
        for name, path in paths.items()
        if name.startswith("channel.")
    }
    id_ = ids.get(paths["image"], paths["image"].stem) if _is_unnamed(row) else row["id"]
    return Entry(id_, ImageFile(paths["image"]), labels, channels)


def _is_path(column: str) -> bool:
    return column in ("image", "label") or column.startswith(("label.", "channel."))


SOURCE = Source(
    kind="manifest",
    title="A CSV or JSONL list of your own files",
    read=manifest,
    splits=("train", "val"),
    layout="LIST.csv or LIST.jsonl with image, label and optional id, split, label.HEAD, channel.NAME; "
    "classes.txt",
    get="made by you",
    terms="yours",
    options={"classes": "file with the names of the classes", **OPTIONS},
    suffixes=(".csv", ".jsonl"),
)
