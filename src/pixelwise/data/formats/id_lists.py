"""Lists of the pictures to use: text files of ids, as --list takes them."""

from collections.abc import Collection
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.data.sample_files import read_text


def listed_ids(path: Path, known: Collection[str]) -> frozenset[str]:
    """The ids in a text file, one per line or separated by blanks. Ids may contain blanks: a whole line
    counts if it is `known`, else its words.

    Raises DataError if the file is missing or has no ids.
    """
    lines = [line.strip() for line in read_text(path, "list").split("\n")]
    plain = [line if line in known else line.removeprefix("./") for line in lines]  # as `find .` prints paths
    ids = frozenset(id_ for line in plain for id_ in ([line] if line in known else line.split()))
    if not ids:
        raise DataError(f"the list {path} is empty", "write one id per line")
    return ids
