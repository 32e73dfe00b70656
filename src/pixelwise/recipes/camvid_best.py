"""The streets of CamVid in eleven classes, as well as a small net can: FCN's skips on EfficientNet-lite2.

Paper: none; the best of the papers' nets on CamVid has test mean IoU 61.6 (DeepLab-LargeFOV in Jegou et al.
2017, table 1).
Command: pixelwise train camvid_best --set data=camvid:PATH
Training: people_and_animals with another range of sizes, judged at 480 pixels.
Cost: 2.9 hours on two x86-64 cores with AVX2, beside other work all the time; 2,200 steps of 8 images.
Result, 2026-11-22, seed 0: mean IoU 73.25 on the 101 val images, 11 classes, 480x360, single scale, as
exported (bundled/street.json has the conventions); 69.90 with the CRF preset deeplab-coco, which swallows
poles and signs. Over the course, running mean of weights: step 275 66.9, 550 70.1, 825 71.6, 1,100 72.6,
1,375 72.9, 1,650 73.1, 1,925 73.2, 2,200 73.2.
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
