"""Recognise pictures that a model learnt from."""

import re

from pixelwise.core.fingerprints import fingerprint_of_file, fingerprint_of_name
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.threads import in_order
from pixelwise.data.sample import Entry, LabelledImages

_READERS = 8
"""Threads: disks of a network answer late, but many requests at a time."""

_PUBLISHED = re.compile(r"20\d\d_\d{6}|(0001TP|0006R0|0016E5|Seq05VD)_f?\d+")
"""The ids of VOC's and CamVid's pictures. They name the same picture wherever it lies, in any size."""


def fingerprints_of(dataset: LabelledImages) -> list[set[bytes]]:
    """Those of each picture that is in a file; arrays, and files that cannot be read, have none.

    A picture has one of its file, and if it is of VOC or CamVid, another one of its id.
    """

    def one(entry: Entry) -> set[bytes]:
        file = entry.image.path
        try:
            found = {fingerprint_of_file(file, "" if file.suffix.lower() in IMAGE_SUFFIXES else entry.id)}
        except OSError:
            return set()
        return found | {fingerprint_of_name(entry.id)} if _PUBLISHED.fullmatch(entry.id) else found

    return [found for found in in_order(one, dataset.entries, _READERS) if found]
