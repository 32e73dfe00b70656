"""NYU Depth v2, 40 classes, with depth and HHA as extra channels: Gupta's release, or Silberman's .mat file.

Gupta's: data/images/img_ID.png, data/depth/img_ID.png (millimetres), data/hha/img_ID.png and
segmentation/img_ID.mat['segmentation'], counted from 1, 0 void. Silberman's: nyu_depth_v2_labeled.mat (HDF5)
with images, depths (metres) and labels of 894 classes, of which Gupta et al. 2013 made the 40; its HHA is
computed. Channels: "depth" is the natural logarithm of millimetres, "hha" see hha.py.
Source: Silberman et al. 2012; Gupta et al. 2013 and 2014; read as FCN's release does.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.terminal import printable
from pixelwise.core.types import VOID, Channel, FileIds, RGBImage
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.matlab import MatFile, as_ids, read_mat
from pixelwise.data.hha import NYUD_CAMERA, hha
from pixelwise.data.kind import Source
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ChannelFile, ImageFile
from pixelwise.data.sources.voc import read_list
from pixelwise.data.splits import shipped

NYUD_CLASSES = [
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf"),
    *("picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror"),
    *("floor mat", "clothes", "ceiling", "books", "refridgerator", "television", "paper", "towel"),
    *("shower curtain", "box", "whiteboard", "person", "night stand", "toilet", "sink", "lamp"),
    *("bathtub", "bag", "otherstructure", "otherfurniture", "otherprop"),
]
_FIRST = 5001  # Gupta's id of the first image
_RAW_CLASSES = 894


@dataclass(frozen=True)
class LogDepthFile:
    """A depth picture in millimetres, as (H, W, 1) log of millimetres."""

    path: Path

    def read(self) -> Channel:
        depth = ChannelFile(self.path).read()
        if depth.shape[2] != 1:
            raise DataError(
                f"{self.path} has {depth.shape[2]} channels", "a depth picture has one, in millimetres"
            )
        return log_depth(depth)


@dataclass(frozen=True)
class _Slice:
    """Picture `index` of a variable of Silberman's file."""

    path: Path
    index: int

    def slice(self, variable: str, dimensions: int) -> npt.NDArray[Any]:
        values = read_mat(self.path, variable, self.index)
        if values.ndim != dimensions:
            raise DataError(
                f'{self.path}: picture {self.index + 1} of "{variable}" has the shape {values.shape}',
                f"it should have {dimensions} dimensions; replace the file",
            )
        return values


class LabeledImage(_Slice):
    """The RGB image."""

    def read(self) -> RGBImage:
        colours = self.slice("images", 3)
        if colours.dtype != np.uint8 or colours.shape[2] != 3:
            raise DataError(
                f'{self.path}: picture {self.index + 1} of "images" is {colours.dtype} of {colours.shape}',
                "pictures have three colours of 8 bits; replace the file",
            )
        return np.ascontiguousarray(colours)


class LabeledIds(_Slice):
    """The ids, 0 to 894."""

    def read(self) -> FileIds:
        return as_ids(self.slice("labels", 2), self.path, "labels")


class LabeledLogDepth(_Slice):
    """The depth, as (H, W, 1) log of millimetres."""

    def read(self) -> Channel:
        return log_depth(1000 * self.slice("depths", 2)[..., None])


class LabeledHHA(_Slice):
    """HHA of the depth, as (H, W, 3)."""

    def read(self) -> Channel:
        return hha(self.slice("depths", 2), NYUD_CAMERA)


def log_depth(millimetres: Channel) -> Channel:
    """The natural logarithm as float32. Unmeasured pixels (0) get the mean of the others, or 0 without
    others.

    FCN's release takes the plain logarithm; its depths have no unmeasured pixels.
    """
    measured = np.isfinite(millimetres) & (millimetres > 0)
    logs = np.log(np.where(measured, millimetres, 1).astype(np.float32))
    mean = logs[measured].mean() if measured.any() else np.float32(0)
    return np.where(measured, logs, mean).astype(np.float32)


def nyud(root: Path, split: str) -> LabelledImages:
    """The split of Gupta's folder `root`, or of Silberman's file, which `root` is or holds."""
    file = root if root.is_file() else root / "nyu_depth_v2_labeled.mat"
    ids = _ids(root, split)
    classes = Classes.named(NYUD_CLASSES)
    if file.is_file():
        entries = tuple(_labelled(file, id_) for id_ in ids)
        class_map = ClassMap(classes, _raw_classes())
    elif (root / "segmentation").is_dir():
        entries = tuple(_released(root, id_) for id_ in ids)
        class_map = ClassMap.identity(classes, (0, VOID), first=1)
    else:
        raise DataError(
            f"{root} is not NYUDv2: neither {root / 'segmentation'} nor {file} found",
            "PATH must name Gupta's folder with data/ and segmentation/, or nyu_depth_v2_labeled.mat",
        )
    return LabelledImages(f"nyud:{root} {split}", entries, {SEMANTIC: class_map})


def _ids(root: Path, split: str) -> list[str]:
    splits = {"train": ["train"], "val": ["val"], "trainval": ["train", "val"], "test": ["test"]}
    own = root / f"{split}.txt"
    if own.is_file():
        return read_list(own)
    if split not in splits:
        raise SplitError(f'no split "{split}" of NYUDv2', f"there are {', '.join(splits)}")
    return [id_ for part in splits[split] for id_ in shipped(f"nyud_{part}")]


def _released(root: Path, id_: str) -> Entry:
    data = root / "data"
    return Entry(
        id_,
        ImageFile(data / f"images/img_{id_}.png"),
        {SEMANTIC: MatFile(root / f"segmentation/img_{id_}.mat", "segmentation")},
        {
            "depth": LogDepthFile(data / f"depth/img_{id_}.png"),
            "hha": ChannelFile(data / f"hha/img_{id_}.png"),
        },
    )


def _labelled(file: Path, id_: str) -> Entry:
    index = int(id_) - _FIRST if id_.isdecimal() and len(id_) < 10 else -1
    if index < 0:
        raise DataError(f'{file} has no picture "{printable(id_)}"', f"ids are numbers of at least {_FIRST}")
    return Entry(
        id_,
        LabeledImage(file, index),
        {SEMANTIC: LabeledIds(file, index)},
        {"depth": LabeledLogDepth(file, index), "hha": LabeledHHA(file, index)},
    )


def _raw_classes() -> dict[int, int]:
    """Class of the 40 by id of the 894; 0 is void."""
    table = {0: VOID} | dict.fromkeys(range(1, _RAW_CLASSES + 1), NYUD_CLASSES.index("otherprop"))
    for line in shipped("nyud_894_to_40"):
        number, _, members = line.partition(":")
        table |= dict.fromkeys(map(int, members.split()), int(number) - 1)
    return table


SOURCE = Source(
    kind="nyud",
    title="NYU Depth v2, 40 classes, depth and HHA, 795 + 654 images",
    read=nyud,
    splits=("train", "val", "test"),
    layout="{data/{images,depth,hha}/img_ID.png, segmentation/img_ID.mat}, or nyu_depth_v2_labeled.mat",
    get="https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html (nyu_depth_v2_labeled.mat); "
    "Gupta's release: https://people.eecs.berkeley.edu/~sgupta/cvpr13/",
    terms="research use; cite Silberman et al. 2012",
    suffixes=(".mat",),
)
