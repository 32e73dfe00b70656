"""The streets of CamVid in eleven classes, as well as a small net can: FCN's skips on EfficientNet-lite2.

Paper: none; the best of the papers' nets on CamVid has test mean IoU 61.6 (DeepLab-LargeFOV in Jegou et al.
2017, table 1).
Command: pixelwise train camvid_best --set data=camvid:PATH
Training: people_and_animals with other ranges of sizes, in two courses. Poles and signs are a few pixels wide
at 480x360; the second course learns from pictures enlarged to between one and 2.2 times their size, and
pictures are then enlarged to 720x540 to be segmented.
Cost: 2.9 and 0.33 hours on two x86-64 cores with AVX2, beside other work all the time (seed 1: 0.65 and
0.33); 2,200 and 900 steps of 8 images.
Result, 2026-11-22: mean IoU on the 101 val images, 11 classes, 480x360, single scale, one confusion matrix,
void left out: seed 0 76.90, as exported (bundled/street.json has more), seed 1 76.20; seed 0 with the CRF
preset deeplab-coco, which swallows poles and signs, 73.71. Over the courses, running mean of weights, seeds
0 and 1: first, step 275 66.9 / 65.1, 550 70.1 / 69.2, 825 71.6 / 70.6, 1,100 72.6 / 71.6, 1,375 72.9 / 72.0,
1,650 73.1 / 72.3, 1,925 73.2 / 72.7, 2,200 73.2 / 72.7, and these nets on enlarged pictures 75.3 / 74.9;
second, step 600 76.6 / 75.9, 900 76.9 / 76.2.
The first course was learnt when labels of resized crops still lay up to half a pixel beside their pictures.
"""

import dataclasses

from pixelwise.recipes import people_and_animals
from pixelwise.training.chain import Chain

FIRST = dataclasses.replace(
    people_and_animals.RECIPE,
    name="camvid_best_1",
    data="camvid:../shared/data/camvid",
    classes=None,
    scale=(0.6, 1.8),
    steps=2200,
    long_side=480,
    evaluate_every=275,
)
SECOND = dataclasses.replace(
    FIRST,
    name="camvid_best_2",
    scale=(1.0, 2.2),
    crop=385,
    steps=900,
    learning_rate=2e-4,
    head_learning_rate=1e-3,
    warmup_steps=50,
    long_side=720,
    enlarge=True,
    evaluate_every=300,
)
RECIPE = Chain("camvid_best", (FIRST, SECOND))
