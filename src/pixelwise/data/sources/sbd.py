"""The Semantic Boundaries Dataset: img/ID.jpg, cls/ID.mat (GTcls.Segmentation), train.txt, val.txt.

Source: Hariharan et al. 2011. Ids 0 to 20 as in VOC, without a void border. FCN trains on its train split.
"""

from pathlib import Path

from pixelwise.core.errors import SplitError
from pixelwise.data.formats.matlab import MatFile
from pixelwise.data.kind import Source
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ImageFile
from pixelwise.data.sources.voc import read_list, voc_classes


def sbd(root: Path, split: str) -> LabelledImages:
    """The split of SBD's folder `dataset`."""
    file = root / f"{split}.txt"
    if not file.is_file():
        inner = root / "dataset"
        hint = f"try sbd:{inner}" if inner.is_dir() else "PATH must name the folder that holds img and cls"
        raise SplitError(f'no split "{split}": {file} not found', hint)
    entries = tuple(
        Entry(
            id_,
            ImageFile(root / f"img/{id_}.jpg"),
            {SEMANTIC: MatFile(root / f"cls/{id_}.mat", "GTcls.Segmentation")},
        )
        for id_ in read_list(file)
    )
    return LabelledImages(f"sbd:{root} {split}", entries, {SEMANTIC: voc_classes()})


SOURCE = Source(
    kind="sbd",
    title="Semantic Boundaries Dataset, VOC's 21 classes, 8,498 + 2,857 images",
    read=sbd,
    splits=("train", "val"),
    layout="dataset/{img/ID.jpg, cls/ID.mat, train.txt, val.txt}",
    get="http://home.bharathh.info/pubs/codes/SBD/download.html (benchmark.tgz)",
    terms="Flickr photos as in VOC: research, no redistribution",
)
