"""Refine what other programs found in the pictures of a folder: stands in for a predictor."""

from pathlib import Path

from pixelwise.core.errors import ArgumentError, DataError
from pixelwise.core.named_files import NamedFiles
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.terminal import printable
from pixelwise.inference.crf_refiner import CRFRefiner
from pixelwise.inference.external_results import ARRAYS, CONFIDENCE, read_given, refine_given
from pixelwise.inference.outputs.records import state_of
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.sources.given import Source

_TAILS = ("", "_probabilities", "_mask")
_NAMED = "name them like the pictures: NAME.npz, NAME.npy, NAME.png, NAME_probabilities.npz or NAME_mask.png"


class FolderRefiner:
    """Refines labels or probabilities below `folder`, called as the pictures below `photos` are. What belongs
    to one of several pictures that differ in their ending, a.jpg and a.png, may be called a_jpg or a_png, as
    `pixelwise segment` calls it.

    Raises DataError if `folder` is not a folder, ArgumentError for a confidence or an array of no file there.
    """

    def __init__(
        self, photos: Path, folder: Path, refiner: CRFRefiner, confidence: float | None, array: str | None
    ) -> None:
        if not folder.is_dir():
            raise DataError(f"{printable(folder)} is not a folder", f"beside a folder of pictures, {_NAMED}")
        self._photos, self._refiner = photos, refiner
        self._pictures = NamedFiles.of(photos, IMAGE_SUFFIXES)
        self._confidence, self._array = confidence, array
        self._files = NamedFiles.of(folder, IMAGE_SUFFIXES | set(ARRAYS))
        endings = {path.suffix.lower() for paths in self._files.files.values() for path in paths}
        if confidence is not None and endings and endings <= set(ARRAYS):
            raise ArgumentError("confidence", f"confidence is for labels, and {printable(folder)} has none")
        if array is not None and endings and ".npz" not in endings:
            raise ArgumentError("array", f"array is for .npz files, and {printable(folder)} has none")

    def given(self, picture: Path) -> Path:
        """The file of labels or probabilities of a picture. Raises DataError if there is none, or if it would
        be that of another picture too.
        """
        name = picture.relative_to(self._photos).with_suffix("").as_posix()
        same_name = [path for path in self._pictures.files.get(name, []) if path != picture]
        own = self._own(name, picture) if same_name else None
        found = self._files.find([name], _TAILS) if own is None else own
        if found is None:
            raise DataError(f"no labels or probabilities for it in {printable(self._files.folder)}", _NAMED)
        if own is None and (other := next((each for each in same_name if not self._own(name, each)), None)):
            called = f"{printable(picture.stem)}_{picture.suffix[1:]}{found.suffix}"
            raise DataError(
                f"{printable(found)} would be refined for {printable(other)} too",
                f"name it like only one of them, such as {called}",
            )
        return found

    def _own(self, name: str, picture: Path) -> Path | None:
        """The file whose name has the picture's ending too."""
        return self._files.find([f"{name}_{picture.suffix[1:]}"], _TAILS)

    def identity_for(self, path: Path) -> str:
        """Differs between results that differ: by the given file, the CRF and the confidence."""
        given = self.given(path)
        sure = CONFIDENCE if self._confidence is None else self._confidence
        return f"refine {self._refiner.identity} {sure} {self._array} {given} {state_of(given)}"

    def held_bytes(self, source: Source) -> int:
        """None that the CRF does not reserve itself."""
        return 0

    def __call__(self, picture: Source, /) -> Segmentation:
        """The refined segmentation of a picture file. Raises DataError for a file that cannot be read or does
        not fit.
        """
        if not isinstance(picture, Path):
            raise DataError("only results of picture files can be refined, and this is not a file")
        path = self.given(picture)
        ending = path.suffix.lower()
        confidence = None if ending in ARRAYS else self._confidence
        given = read_given(path, confidence, self._array if ending == ".npz" else None)
        result = refine_given(picture, given, self._refiner)
        result.path = picture
        return result
