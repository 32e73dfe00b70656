"""Open data sets by `KIND:PATH`, the notation of the command line and of recipes."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.terminal import reason_of
from pixelwise.data.formats.id_lists import listed_ids
from pixelwise.data.kind import Source
from pixelwise.data.sample import LabelledImages
from pixelwise.data.sources import (
    camvid,
    cityscapes,
    coco,
    cvat,
    file_list,
    folder,
    labelme,
    nyud,
    pascal_context,
    sbd,
    sift_flow,
    stanford_background,
    voc,
    yolo,
)

_MODULES = (
    folder,
    file_list,
    voc,
    sbd,
    pascal_context,
    nyud,
    sift_flow,
    stanford_background,
    camvid,
    cityscapes,
    coco,
    labelme,
    cvat,
    yolo,
)
SOURCES: dict[str, Source] = {module.SOURCE.kind: module.SOURCE for module in _MODULES}
"""Every kind of data set by its name."""


def open_dataset(
    spec: str,
    split: str,
    classes: str | None = None,
    ids: str | Path | None = None,
    head: str | None = None,
) -> LabelledImages:
    """The split of the data set `KIND:PATH` or `KIND:PATH,option=value`, with a KIND of SOURCES.

    `classes` selects, merges or drops classes: "background,person,animal=cat+dog" (all others become void).
    `ids` is a file that lists the ids to use, one per line. `head` selects one of several heads. The split
    "all" joins the usual ones, unless the kind has a split of that name. Only lists and folder names are read
    here. Raises DataError if the path or the split does not exist, ValueError for a split or classes that are
    not texts.
    """
    if not isinstance(split, str):
        raise ValueError(f'expected the name of a split, such as "val", got {split!r}')
    with _os_errors(spec):
        source, path, options = locate(spec)

        def read(name: str) -> LabelledImages:
            return source.read(path, name, **options)

        dataset = joined(spec, source.splits, read) if split == "all" else read(split)
    if not dataset.entries:
        raise SplitError(f'the split "{split}" of {spec} is empty', "name another split, or look at its list")
    if ids is not None:
        listed = listed_ids(Path(ids), {entry.id for entry in dataset.entries})
        dataset = dataset.only(listed, Path(ids).name)
    if head is not None:
        dataset = dataset.with_head(head)
    return dataset if classes is None else dataset.select(classes)


@contextmanager
def _os_errors(spec: str) -> Iterator[None]:
    """Turn errors of the operating system (permissions, names that are too long) into DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f'the data "{spec[:200]}" cannot be read: {reason_of(error)}: {str(error.filename)[:200]}',
            "check the name and the permissions",
        ) from None


def joined(spec: str, usual: Iterable[str], read: Callable[[str], LabelledImages]) -> LabelledImages:
    """What `read` returns for the split "all", or else those of the `usual` splits that exist, in one.

    Raises DataError if an id is in two of them, or if their classes differ.
    """
    try:
        return read("all")
    except SplitError:
        splits = _those_there(usual, read)
    first, *others = splits.values()
    entries = tuple(entry for dataset in splits.values() for entry in dataset.entries)
    twice = [id_ for id_, times in Counter(entry.id for entry in entries).items() if times > 1]
    if twice or any(dataset.heads != first.heads for dataset in others):
        what = f"have ids in common, such as {twice[0]}" if twice else "differ in their classes"
        raise DataError(f"{spec}: {' and '.join(splits)} {what}", "use one of them")
    return replace(first, name=f"{spec} all", entries=entries)


def _those_there(splits: Iterable[str], opened: Callable[[str], LabelledImages]) -> dict[str, LabelledImages]:
    """Those of the splits that can be opened. Raises SplitError if none can."""
    found: dict[str, LabelledImages] = {}
    missing: SplitError | None = None
    for name in splits:
        try:
            found[name] = opened(name)
        except SplitError as error:
            missing = missing or error
    if not found and missing is not None:
        raise missing
    return found


def open_splits(
    spec: str,
    split: str | None = None,
    classes: str | None = None,
    opened: Callable[[str, str, str | None], LabelledImages] = open_dataset,
) -> dict[str, LabelledImages]:
    """The given split, or by default all existing splits that are usual for the kind of data.

    `opened` opens one split, as `open_dataset` does.
    """
    if split is not None:
        return {split: opened(spec, split, classes)}
    return _those_there(parse_spec(spec)[0].splits, lambda name: opened(spec, name, classes))


def locate(spec: str) -> tuple[Source, Path, dict[str, str]]:
    """The result of `parse_spec` for an existing path. Raises DataError if it does not exist."""
    source, path, options = parse_spec(spec)
    if not path.is_dir() and not (path.suffix.lower() in source.suffixes and path.is_file()):
        what = " or ".join(["folder", *(f"{suffix} file" for suffix in source.suffixes)])
        there = "is another kind of file" if path.exists() else "does not exist"
        raise DataError(
            f'the data "{spec}" is not there: expected a {what}, but {path} {there}',
            f"write {source.kind}:PATH with its path; `pixelwise data {source.kind}` shows its files",
        )
    return source, path, options


def parse_spec(spec: str) -> tuple[Source, Path, dict[str, str]]:
    """The kind, the path and the options of a spec. Raises DataError for unknown kinds and options."""
    kind, colon, rest = str(spec).partition(":")
    if not colon or kind not in SOURCES:
        example = f"folder:{spec}" if Path(str(spec)).is_dir() else "voc:/data/VOC2012"
        raise DataError(
            f'cannot tell what kind of data "{spec}" is',
            f"write KIND:PATH, for example {example}; the kinds are {', '.join(SOURCES)}",
        )
    source = SOURCES[kind]
    path, options = options_of(rest)
    if unknown := sorted(options.keys() - source.options.keys()):
        known = ", ".join(source.options) or "none"
        raise DataError(
            f'"{spec}" has options that {kind} does not know: {", ".join(unknown)}', f"known: {known}"
        )
    return source, Path(path).expanduser(), options


def options_of(rest: str) -> tuple[str, dict[str, str]]:
    """The path and the options of PATH,option=value."""
    path, *pairs = re.split(r",([a-z]+)=", rest)
    return path, dict(zip(pairs[::2], pairs[1::2], strict=True))


def without_folders(spec: str) -> str:
    """The spec with names instead of paths: paths on a machine are private."""
    kind, _, rest = spec.partition(":")
    path, options = options_of(rest)
    named = [f",{option}={Path(value).name}" for option, value in options.items()]
    return f"{kind}:{Path(path).name}{''.join(named)}"
