"""DeepLab v1 on PASCAL VOC 2012. Source: Chen et al. 2015, sections 3, 4.3 and 5, tables 1 and 2.

Crops of 321 (306 for the nets with 2x2 poolings), batches of 20, fc8 at ten times the rate, 6,000 steps, the
rates a tenth after every 2,000 (section 5). Departures: torchvision's ImageNet weights (fc6 and fc7 are taps
and filters of them), the mean of the loss over positions instead of its sum. A picture smaller than the crop
lies anywhere in it, on grey (127); the release puts it into the upper left corner, on the mean pixel. The CRF
is added afterwards: `pixelwise eval RUN --crf`.

The recipes `_trainval` learn from train_aug and val together, 12,031 pictures, as the nets of the paper's
table 3 that were sent to the test server. Their figures on val are not results, since they have learnt it:
`pixelwise segment --submission` writes what the server judges.
"""

import dataclasses

from pixelwise.recipes.entry import NOT_RUN, Entry, entry
from pixelwise.training.recipe import Recipe

FIGURES = {
    "base": "59.80 on VOC2012 val, 63.74 with the CRF",
    "4x4": "67.14 on VOC2012 val with the CRF",
    "7x7": "64.38 on VOC2012 val, 67.64 with the CRF",
    "large_fov": "62.25 on VOC2012 val, 67.64 with the CRF",
    "large_fov_alexnet": "none: the paper gives no figures for this trunk",
    "msc_base": "61.30 on VOC2012 val, 65.21 with the CRF",
    "msc_large_fov": "64.21 on VOC2012 val, 68.70 with the CRF",
}
TITLES = {
    "base": "DeepLab",
    "4x4": "DeepLab-4x4",
    "7x7": "DeepLab-7x7",
    "large_fov": "DeepLab-LargeFOV",
    "large_fov_alexnet": "DeepLab-LargeFOV on AlexNet",
    "msc_base": "DeepLab-MSc",
    "msc_large_fov": "DeepLab-MSc-LargeFOV",
}

LARGE_FOV = Recipe(
    name="voc_deeplab_large_fov",
    data="voc:VOC2012,sbd=SBD",
    train_split="train_aug",
    net="deeplab-large-fov",
    backbone_weights="torchvision",
    freeze_stages=0,
    dropout=0.5,
    crop=321,
    scale=(1.0, 1.0),
    colour=0.0,
    batch_size=20,
    steps=6000,
    optimizer="sgd",
    learning_rate=1e-3,
    head_learning_rate=1e-2,
    head_layers=("fc8",),
    weight_decay=5e-4,
    double_bias_rate=True,
    warmup_steps=0,
    schedule="step",
    decay_every=2000,
    decay_factor=0.1,
    ema=0.0,
    long_side=500,
    evaluate_every=1000,
)


def deeplab(variant: str) -> Recipe:
    """The recipe of a net that starts from VGG16, or of its multi-scale form, which starts from the net
    without.
    """
    crop = 321 if "large_fov" in variant else 306
    recipe = dataclasses.replace(
        LARGE_FOV, name=f"voc_deeplab_{variant}", net=f"deeplab-{variant.replace('_', '-')}", crop=crop
    )
    if variant.endswith("alexnet"):
        return dataclasses.replace(recipe, origin="torchvision")
    if not variant.startswith("msc_"):
        return recipe
    before = f"runs/voc_deeplab_{variant.removeprefix('msc_')}"
    return dataclasses.replace(recipe, backbone_weights="none", init_from=before)


def for_the_test(variant: str) -> Recipe:
    """The recipe that learns from all labelled pictures, to be judged by the server."""
    recipe = deeplab(variant)
    start = recipe.init_from and f"{recipe.init_from}_trainval"
    return dataclasses.replace(
        recipe, name=f"{recipe.name}_trainval", train_split="trainval_aug", init_from=start
    )


def _entry(variant: str) -> Entry:
    recipe, title = deeplab(variant), f"{TITLES[variant]} on PASCAL VOC from VGG16"
    training = f"Training: crops of {recipe.crop}; see the family."
    if recipe.init_from is not None:
        title = f"{TITLES[variant]} on PASCAL VOC: branches for finer features beside a fixed net"
        training = f"Training: starts from the best net of {recipe.init_from}; only the new layers learn."
    paper = f"Chen et al. 2015, tables 1 and 2; mean IoU {FIGURES[variant]}."
    return entry(recipe, title, paper, training, NOT_RUN)


TEST = {
    "base": "66.4",
    "7x7": "70.3",
    "large_fov": "70.3",
    "msc_base": "67.1",
    "msc_large_fov": "71.6",
}
"""Mean IoU on VOC2012 test, all with the CRF (table 3)."""


def _test_entry(variant: str) -> Entry:
    recipe = for_the_test(variant)
    title = f"{TITLES[variant]} on PASCAL VOC, from train_aug and val, for the test server"
    paper = f"Chen et al. 2015, table 3; mean IoU {TEST[variant]} on VOC2012 test, with the CRF."
    training = "Training: as without _trainval; val has been learnt, so its figures are no results."
    test = f"Test: pixelwise segment VOC2012/JPEGImages --model runs/{recipe.name} --crf "
    files = "--list VOC2012/ImageSets/Segmentation/test.txt --submission results.tgz"
    return entry(recipe, title, paper, training, test + files, NOT_RUN)


FAMILY = (*map(_entry, FIGURES), *map(_test_entry, TEST))
