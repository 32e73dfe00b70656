"""The 21 classes of PASCAL VOC 2012, the model that ships as `default`.

Net: FCN's skips on EfficientNet-lite2 (Tan and Le 2019, without squeeze-and-excitation), ImageNet-trained.
Command: pixelwise train voc --set data=voc:PATH
Data: 3,870 pictures of VOC 2012 and SBD, each class in at least 49 of them, animals in many more; 200 other
pictures to validate. Pictures of rare classes come more often, and their objects are pasted into others.
Cost: 4.2 hours on two x86-64 cores with AVX-512, beside other work all the time (4.0 images/s; 12.4 alone);
4,000 steps of 8 crops.
Result, 2026-11-28, seed 0: mean IoU 68.33 on the 200 val images, 21 classes, single scale, as exported
(bundled/default.json has the conventions); 69.48 with the CRF preset deeplab-coco. During training, running
mean of weights: step 400 41.1, 800 50.7, 1200 57.1, 1600 62.2, 2000 63.9, 2400 66.9, 2800 67.0, 3200 67.6,
3600 68.2, 4000 68.3.
"""

from pixelwise.training.recipe import Recipe

RECIPE = Recipe(
    name="voc",
    data="voc:../shared/data/voc_animals",
    repeat_rare=0.25,
    paste_rare=0.3,
    steps=4000,
    evaluate_every=400,
)
