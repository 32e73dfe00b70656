"""The streets of CamVid in eleven classes, learnt together with the streets of other towns.

Net: FCN's skips on EfficientNet-lite2, as in camvid_best, whose two stages these are.
Command: pixelwise train street --set data=camvid:PATH --set also=folder:FACADE
Data: the 367 training images of CamVid and those of LabelMeFacade; the loss of the latter considers only the
six classes that are labelled there. data=camvid:PATH,fold=DRIVE leaves a drive out and evaluates on it.
Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import camvid
from pixelwise.training.stages import Chain

ALSO = "building=building+door+window,tree=vegetation,road,pavement,sky,car"

FIRST, SECOND = (
    dataclasses.replace(
        stage, name=f"street_{number}", also="folder:../shared/data/facade", also_classes=ALSO
    )
    for number, stage in enumerate((camvid.BEST_1, camvid.BEST_2), start=1)
)
RECIPE = Chain("street", (FIRST, SECOND))
