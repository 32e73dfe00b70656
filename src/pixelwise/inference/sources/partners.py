"""Depth and HHA of pictures, from folders whose files have the names of the pictures."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.core.errors import DataError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.pictures.reading import read_picture
from pixelwise.core.terminal import printable
from pixelwise.core.types import IMAGE, Channel
from pixelwise.data.sample_files import ChannelFile, Part, read_part
from pixelwise.data.sources.folder import by_stem
from pixelwise.data.sources.nyud import LogDepthFile
from pixelwise.inference.outputs.records import state_of

if TYPE_CHECKING:
    from pixelwise.data.sample_files import Part

DEPTH, HHA = "depth", "hha"


@dataclass(frozen=True)
class Partners:
    """Files by channel and by the name of their picture without its ending.

    millimetres: whole numbers in depth files are millimetres, and the net sees their logarithm, as with nyud:
    data. Else files are read as the channels of folder: data are, without any change.
    """

    files: Mapping[str, Mapping[str, Path]]
    folders: Mapping[str, Path]
    millimetres: bool = False
    _pictures: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, folders: Mapping[str, str | Path], millimetres: bool = False) -> "Partners":
        """Those in these folders, by channel. Raises DataError if one is not a folder or if two files of it
        share a name.
        """
        places = {channel: Path(folder) for channel, folder in folders.items()}
        files = {}
        for channel, folder in places.items():
            if not folder.is_dir():
                raise DataError(
                    f"{printable(folder)} is not a folder",
                    f"--{channel} must name a folder with files of the same names as the pictures",
                )
            files[channel] = by_stem(folder, IMAGE_SUFFIXES | {".npy"})
        return cls(files, places, millimetres)

    def path(self, channel: str, picture: Path) -> Path:
        """The file of that channel for a picture. Raises DataError if there is none, or if another picture of
        this name, of another folder, has taken it.
        """
        found = self.files[channel].get(picture.stem)
        if found is None:
            folder = printable(self.folders[channel])
            raise DataError(
                f"{printable(picture)} has no {channel}: {folder} holds no file called "
                f"{printable(picture.stem)} with the ending of a picture or .npy",
                f"give every picture its file in the folder that --{channel} names",
            )
        own = os.path.abspath(picture)  # noqa: PTH100  Path.resolve would follow links
        first = self._pictures.setdefault(picture.stem, own)
        if first != own:
            raise DataError(
                f"{printable(picture)} and {printable(first)} would share the {channel} {printable(found)}",
                "segment pictures of equal names one folder at a time",
            )
        return found

    def stacked(self, picture: Path, inputs: Sequence[str]) -> Channel:
        """(H, W, K): what a net with these `inputs` sees of a picture. Raises DataError or ImageError, naming
        the file, if one is missing, broken or of another size than the picture.
        """

        image = read_picture(picture)
        parts: list[Channel] = []
        for name in inputs:
            part = image if name == IMAGE else read_part(self._part(name, picture))
            if part.shape[:2] != image.shape[:2]:
                raise DataError(
                    f"{printable(self.path(name, picture))} is {part.shape[1]} x {part.shape[0]} pixels, its "
                    f"picture {printable(picture)} {image.shape[1]} x {image.shape[0]}",
                    f"{name} must have exactly the size of the picture, upright as its EXIF orientation says",
                )
            parts.append(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)

    def state(self, picture: Path) -> str:
        """What tells the present files of a picture from others, and from earlier states of themselves.

        From then on they are this picture's, also if it is not read, since it is finished: raises DataError
        as `path` does.
        """
        paths = [self.path(channel, picture) for channel in sorted(self.files)]
        states = [(str(path.resolve()), state_of(path)) for path in paths]
        return hashlib.sha256(repr((self.millimetres, states)).encode()).hexdigest()[:16]

    def _part(self, channel: str, picture: Path) -> "Part[Channel]":

        path = self.path(channel, picture)
        as_logarithm = channel == DEPTH and self.millimetres and path.suffix.lower() != ".npy"
        return LogDepthFile(path) if as_logarithm else ChannelFile(path)
