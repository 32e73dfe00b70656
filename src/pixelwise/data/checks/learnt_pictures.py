"""Recognise pictures that a model learnt from."""

from pixelwise.core.fingerprints import fingerprint_of_file
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.threads import in_order
from pixelwise.data.sample import Entry, LabelledImages

_READERS = 8
"""Threads: disks of a network answer late, but many requests at a time."""


def fingerprints_of(dataset: LabelledImages) -> list[bytes]:
    """Of the pictures of a data set that are in files; arrays, and files that cannot be read, have none."""

    def one(entry: Entry) -> bytes | None:
        file = entry.image.path
        try:
            return fingerprint_of_file(file, "" if file.suffix.lower() in IMAGE_SUFFIXES else entry.id)
        except OSError:
            return None

    return [found for found in in_order(one, dataset.entries, _READERS) if found is not None]
