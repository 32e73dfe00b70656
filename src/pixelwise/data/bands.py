"""A sample's picture with all its bands: what a net with inputs=bands sees, and the view shown to people."""

from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.core.pictures.bands import form_of, read_bands, view_of
from pixelwise.core.types import Channel, RGBImage
from pixelwise.data.sample_files import Part, image_errors


@dataclass(frozen=True)
class BandsFile:
    """All bands of a picture file, (H, W, K), as core/pictures/bands.py reads them.

    Raises DataError if its bands are not as many, or not of the same type, as those of `first`, the data
    set's first picture.
    """

    path: Path
    first: Path

    def read(self) -> Channel:
        with image_errors():
            bands = read_bands(self.path)
        expected = form_of(self.first)
        if expected is not None and (expected.count, expected.numbers) != (bands.shape[2], str(bands.dtype)):
            raise DataError(
                f"{self.path} has {bands.shape[2]} bands of {bands.dtype}, but {self.first} has {expected}",
                "all pictures of a data set need the same bands",
            )
        return bands


@dataclass(frozen=True)
class BandsView:
    """The picture of a sample whose bands are `bands`: see view_of."""

    bands: Part[Channel]

    @property
    def path(self) -> Path:
        return self.bands.path

    def read(self) -> RGBImage:
        return view_of(self.bands.read())
