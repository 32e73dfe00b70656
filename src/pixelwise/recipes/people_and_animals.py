"""The model that ships: people, cats, dogs, horses, cows and sheep in photos.

Net: FCN's skips on EfficientNet-lite2 (Tan and Le 2019, without squeeze-and-excitation), ImageNet-trained.
Command: pixelwise train people_and_animals --set data=voc:PATH
Data: a sample of the PASCAL VOC 2012 and SBD images that show a cat, dog, horse, cow or sheep, 3,131 to
train, 145 to validate; other classes void.
Cost: 1.8 hours on two x86-64 cores with AVX2, beside other work; 4,600 steps of 8 images.
Result, 2026-11-22, seed 0: mean IoU 81.89 on the 145 val images, 7 classes, single scale, as exported
(bundled/default.json has the conventions). During training, average of weights: step 500 61.3, 1000
69.7, 1500 69.5, 2000 77.3, 2500 80.4, 3000 80.7, 4500 82.0, 4600 82.0. Scored on copies of at most 352 /
400 / 448 / 512 pixels: 81.5 / 81.9 / 81.6 / 79.3.
"""

from pixelwise.training.recipe import Recipe

RECIPE = Recipe(
    name="people_and_animals",
    data="voc:../shared/data/voc_animals",
    classes="background,person,cat,dog,horse,cow,sheep",
    steps=4600,
)
