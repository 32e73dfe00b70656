"""SIFT Flow: 256 x 256 scenes with two heads, 33 semantic and 3 geometric classes.

Images/PLACE/ID.jpg, SemanticLabels/PLACE/ID.mat['S'] counted from 1, 0 void; GeoLabels/PLACE/ID.mat['S']
counted from 1, -1 void. Source: Liu et al. 2011, Tighe and Lazebnik 2010, as FCN's release reads them
(section 5). Cow, desert and moon never occur in the test split.
"""

from pathlib import Path

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.types import VOID
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.matlab import MatFile
from pixelwise.data.kind import Source
from pixelwise.data.sample import GEOMETRIC, SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ImageFile
from pixelwise.data.splits import shipped

SEMANTIC_CLASSES = [
    *("awning", "balcony", "bird", "boat", "bridge", "building", "bus", "car", "cow", "crosswalk", "desert"),
    *("door", "fence", "field", "grass", "moon", "mountain", "person", "plant", "pole", "river", "road"),
    *("rock", "sand", "sea", "sidewalk", "sign", "sky", "staircase", "streetlight", "sun", "tree", "window"),
]
GEOMETRIC_CLASSES = ["sky", "horizontal", "vertical"]
_PLACE = "spatial_envelope_256x256_static_8outdoorcategories"


def sift_flow(root: Path, split: str) -> LabelledImages:
    """The split of the SIFT Flow folder `root`."""
    if split not in ("trainval", "test"):
        raise SplitError(f'no split "{split}" of SIFT Flow', "there are trainval and test")
    if not (root / "SemanticLabels" / _PLACE).is_dir():
        raise DataError(
            f"{root} is not SIFT Flow: {root / 'SemanticLabels' / _PLACE} not found",
            "PATH must name the folder that holds Images, SemanticLabels and GeoLabels",
        )
    entries = tuple(
        Entry(
            id_,
            ImageFile(root / "Images" / _PLACE / f"{id_}.jpg"),
            {
                SEMANTIC: MatFile(root / "SemanticLabels" / _PLACE / f"{id_}.mat", "S"),
                GEOMETRIC: MatFile(root / "GeoLabels" / _PLACE / f"{id_}.mat", "S"),
            },
        )
        for id_ in shipped(f"sift_flow_{split}")
    )
    heads = {
        SEMANTIC: ClassMap.identity(Classes.named(SEMANTIC_CLASSES), (0, VOID), first=1),
        GEOMETRIC: ClassMap.identity(Classes.named(GEOMETRIC_CLASSES), (-1, 0, VOID), first=1),
    }
    return LabelledImages(f"sift_flow:{root} {split}", entries, heads)


SOURCE = Source(
    kind="sift_flow",
    title="SIFT Flow, 33 semantic and 3 geometric classes, 2,486 + 200 labelled images",
    read=sift_flow,
    splits=("trainval", "test"),
    layout=f"{{Images/{_PLACE}/ID.jpg, SemanticLabels/.../ID.mat, GeoLabels/.../ID.mat}}",
    get="http://www.cs.unc.edu/~jtighe/Papers/ECCV10/siftflow/SiftFlowDataset.zip",
    terms="LabelMe photos, research use",
)
