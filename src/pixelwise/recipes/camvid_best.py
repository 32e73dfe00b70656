"""The streets of CamVid in eleven classes, as well as a small net can: FCN's skips on EfficientNet-lite2.

Paper: none; the best of the papers' nets on CamVid has test mean IoU 61.6 (DeepLab-LargeFOV in Jegou et al.
2017, table 1).
Command: pixelwise train camvid_best --set data=camvid:PATH
Training: people_and_animals with another range of sizes.
Result: not yet run to the end. Mean IoU on the 101 val pictures 66.9 / 70.1 / 71.6 / 72.6 after 275 / 550 /
825 / 1,100 of 2,200 steps, seed 0; 11 classes, 480x360, one confusion matrix, void left out.
"""

import dataclasses

from pixelwise.recipes import people_and_animals

RECIPE = dataclasses.replace(
    people_and_animals.RECIPE,
    name="camvid_best",
    data="camvid:../shared/data/camvid",
    classes=None,
    scale=(0.6, 1.8),
    steps=2200,
    long_side=480,
    evaluate_every=275,
)
