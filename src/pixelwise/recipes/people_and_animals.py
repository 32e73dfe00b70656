"""The model that ships: people, cats, dogs, horses, cows and sheep in photos.

Net: FCN's skips on EfficientNet-lite2 (Tan and Le 2019, without squeeze-and-excitation), ImageNet-trained.
Data: the PASCAL VOC 2012 and SBD images that show a cat, dog, horse, cow or sheep, 3,131 to train, 145 to
judge; other classes void.
"""

from pixelwise.training.recipe import Recipe

RECIPE = Recipe(
    name="people_and_animals",
    data="voc:../shared/data/voc_animals",
    classes="background,person,cat,dog,horse,cow,sheep",
    steps=4600,
)
