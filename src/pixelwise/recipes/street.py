"""The streets of CamVid in eleven classes, learnt together with the streets of other towns.

Net: FCN's skips on EfficientNet-lite2, as in camvid_best, whose two stages these are.
Command: pixelwise train street --set data=camvid:PATH --set also=folder:FACADE
Data: the 367 training images of CamVid and those of LabelMeFacade; the loss of the latter considers only the
six classes that are labelled there. data=camvid:PATH,fold=DRIVE leaves a drive out and evaluates on it.
Cost: 0.08 hours for 600 steps of 8 crops on one x86-64 core with AVX512-BF16 (17.5 crops a second).
Result, 2026-11-29, seed 0: mixing lost, so the two stages were not run in full, and the model `street` is
that of camvid_best. Nets of one stage, mean IoU on a drive that was left out of CamVid (0016E5, 0001TP,
0006R0): 600 steps 52.3, 50.0, 49.8, without the second set 59.0, 53.0, 50.5; 1,200 steps 55.1, 49.5, 49.8,
without it 59.7, 56.4, not run. docs/training.md has the commands.
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
