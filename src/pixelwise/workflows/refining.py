"""Labels or probabilities of a picture, from any source, refined along its edges."""

import time
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.writing import write_picture
from pixelwise.crf.presets import Preset
from pixelwise.inference.crf_refiner import DEFAULT_PRESET, CRFRefiner
from pixelwise.inference.external_results import read_given, refine_given
from pixelwise.inference.iterations import iteration_sheet

ENDINGS = (".png", ".npz")
"""Of the files that `refine_file` writes: labels, and probabilities."""


@dataclass(frozen=True)
class RefinedFile:
    """A file of refined labels or probabilities. size: (height, width) of the picture. notes: remarks for
    people, such as that a smaller copy was refined. seconds: from reading to the written file.
    """

    path: Path
    size: tuple[int, int]
    notes: tuple[str, ...]
    seconds: float


def refine_file(
    image: str | Path,
    given: str | Path,
    output: str | Path,
    preset: Preset | str | Path = DEFAULT_PRESET,
    confidence: float = 0.7,
    overwrite: bool = False,
    threads: int | None = None,
    iterations: str | Path | None = None,
) -> RefinedFile:
    """Refine a file of labels or probabilities along the edges of its picture; write labels (.png) or
    probabilities (.npz).

    given: a picture of class ids, 255 where unknown, an .npz file as `Segmentation.save` writes it, or an
    .npy file of probabilities (C, h, w). confidence: the probability that a given label is right. iterations:
    a picture to draw, of labels, scores and beliefs over the iterations. Raises ValueError for another ending
    and an impossible confidence, ImageError if `output` is there already, unless `overwrite`, DataError for
    files that cannot be read or do not fit, PresetError for an unknown preset.
    """
    picture, place = Path(image), Path(output)
    ending = place.suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"expected a name that ends in {' or '.join(ENDINGS)}, got {place}")
    if place.exists() and not overwrite:
        raise ImageError(f"{place} is there already", "--overwrite replaces it")
    refiner = CRFRefiner(preset, threads)
    start = time.perf_counter()
    before = read_given(Path(given), confidence)
    result = refine_given(picture, before, refiner)
    if iterations is not None:
        write_picture(Path(iterations), iteration_sheet(picture, before, refiner))
    if ending == ".png":
        write_picture(place, before.mask(result))
    else:
        result.save_probabilities(place)
    notes = result.notes(["mask" if ending == ".png" else "probabilities"])
    return RefinedFile(place, result.size, tuple(notes), time.perf_counter() - start)
