"""Results on a test split as the one archive that a benchmark takes.

PASCAL VOC's server judges results/VOC2012/Segmentation/comp5_test_cls/ID.png: palette pictures of class ids,
in the size of the photo, in a .tgz. CamVid has no server; its archive holds testannot/ID.png, as SegNet's
release keeps the labels of that split.
"""

import gzip
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ImageError, ModelError
from pixelwise.core.files import open_file, write_atomically
from pixelwise.core.terminal import printable, reason_of
from pixelwise.data.sources.camvid import CAMVID_COLOURS
from pixelwise.data.sources.voc import VOC_CLASSES
from pixelwise.inference.segment_files import Outcome

VOC_FOLDER = "results/VOC2012/Segmentation/comp5_test_cls"
CAMVID_FOLDER = "testannot"
ENDINGS = (".tgz", ".tar.gz")


def check_submission(path: Path, classes: Classes) -> str:
    """The folder that the archive `path` will hold for a model of these classes, in their order.

    Raises ValueError for another ending than ENDINGS, ModelError for classes of no benchmark.
    """
    if not path.name.endswith(ENDINGS):
        raise ValueError(f"expected a name that ends in {' or '.join(ENDINGS)}, got {path}")
    names = list(classes.names)
    for known, folder in ((VOC_CLASSES, VOC_FOLDER), (list(CAMVID_COLOURS), CAMVID_FOLDER)):
        if names == known:
            return folder
    raise ModelError(
        f"the model's {len(names)} classes are neither the 21 of PASCAL VOC nor the 11 of CamVid, in order",
        "a submission holds their ids: take a model that was trained on voc: or camvid:",
    )


def write_submission(outcomes: Sequence[Outcome], classes: Classes, path: Path) -> int:
    """Write the masks of `outcomes` to `path`, by the names of their pictures; returns how many.

    The archive is the same whenever it is made. Raises ImageError, and writes nothing, if a picture failed,
    two have one name or a mask cannot be read; else as `check_submission` does.
    """
    folder = check_submission(path, classes)
    if failed := [outcome for outcome in outcomes if outcome.problem is not None]:
        raise ImageError(
            f"no submission: {len(failed)} of {len(outcomes)} pictures could not be segmented, such as "
            f"{printable(failed[0].path)}",
            "repair or remove them, and run the command again; finished pictures are kept",
        )
    masks: dict[str, Path] = {}
    for outcome in outcomes:
        name = f"{folder}/{outcome.name}.png"
        if name in masks:
            raise ImageError(
                f"no submission: two pictures are called {printable(outcome.name)}",
                "name one folder only",
            )
        masks[name] = outcome.outputs["mask"]
    if not masks:
        raise ImageError("no submission: there are no pictures", "name the folder of the test pictures")
    content = io.BytesIO()
    try:
        with (
            gzip.GzipFile(fileobj=content, mode="wb", mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            for name, mask in sorted(masks.items()):
                with open_file(mask) as file:
                    data = file.read()
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    except OSError as problem:
        raise ImageError(f"no submission: {reason_of(problem)}") from None
    write_atomically(path, lambda file: file.write(content.getvalue()))
    return len(masks)
