"""The 21 classes of PASCAL VOC 2012, the model that ships as `default`.

Net: FCN's skips on EfficientNet-lite2 (Tan and Le 2019, without squeeze-and-excitation), ImageNet-trained.
Command: pixelwise train voc --set data=voc:PATH
Data: 3,870 pictures of VOC 2012 and SBD, each class in at least 49 of them, animals in many more; 200 other
pictures to validate. Pictures of rare classes come more often, and their objects are pasted into others.
Result: not yet run.
"""

from pixelwise.training.recipe import Recipe

RECIPE = Recipe(
    name="voc",
    data="voc:../shared/data/voc_animals",
    repeat_rare=0.25,
    paste_rare=0.3,
    steps=5000,
)
