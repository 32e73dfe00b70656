"""Recognise pictures that a model learnt from."""

from pixelwise.core.fingerprints import fingerprint
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.data.sample import LabelledImages


def fingerprints_of(dataset: LabelledImages) -> list[bytes]:
    """Of the pictures of a data set that are in files; arrays, and files that cannot be read, have none."""
    found = []
    for entry in dataset.entries:
        file = entry.image.path
        try:
            found.append(fingerprint(file, "" if file.suffix.lower() in IMAGE_SUFFIXES else entry.id))
        except OSError:
            continue
    return found
