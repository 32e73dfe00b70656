"""FCN on PASCAL VOC as in the authors' release. Source: Long et al. 2015, section 4, and the release.

Trained on SBD's train set of 8,498 pictures, evaluated on seg11valid. VGG16: whole pictures one by one,
summed losses, momentum 0.99, 100,000 steps, three times as many at once (presets fcn-online-*). AlexNet and
GoogLeNet: mean losses over 20 pictures a step, 175 times through them; the release has the rate of AlexNet
(1e-4), the paper that of GoogLeNet (5e-5). voc_fcn_paper.py has the paper's own protocol. Departures: a mean
over 20 pictures is that of all their pixels, in the release the mean of each picture's mean; torchvision's
ImageNet weights, whose AlexNet and GoogLeNet differ from Caffe's. With a classifier that `pixelwise
import-caffe` has read: --set origin=caffe --set backbone_weights=FILE.
"""

import dataclasses

from pixelwise.recipes.entry import NOT_RUN, Entry, entry
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.paper_settings import trained_as

BEFORE = {"16s": "32s", "8s": "16s"}
"""The net that a stage starts from."""
FIGURES = {
    "32s_vgg16": "section 4.1 and table 2; mean IoU 59.4 on seg11valid, the released weights 63.6.",
    "16s_vgg16": "section 4.2 and table 2; mean IoU 62.4 on seg11valid, the released weights 65.0.",
    "8s_vgg16": "section 4.2 and table 2; mean IoU 62.7 on seg11valid, the released weights 65.5.",
    "8s_at_once_vgg16": "and its release, whose weights have mean IoU 65.4 on seg11valid.",
    "32s_fixed_vgg16": 'table 2, "FCN-32s-fixed"; pixel accuracy 83.0, mean accuracy 59.7, mean IoU 45.4, '
    "f.w. IoU 72.0 on seg11valid.",
    "32s_alexnet": "and its release, whose weights have mean IoU 48.0 on seg11valid.",
    "32s_googlenet": "section 4.1; there is no published figure for SBD's pictures (see voc2011_*).",
}
SKIPS_OF_VGG16 = "which has skips for VGG16 only; there is no published figure."
TITLES = {
    "32s": "FCN-32s",
    "16s": "FCN-16s, from FCN-32s,",
    "8s": "FCN-8s, from FCN-16s,",
    "8s_at_once": "FCN-8s in one stage, with poolings scaled before they are scored,",
    "32s_fixed": "FCN-32s, of which only the last layer learns,",
}

VGG16_32S = Recipe(
    name="voc_fcn32s_vgg16",
    data="sbd:SBD",
    val_data="voc:VOC2012",
    val_split="seg11valid",
    net="fcn32s-vgg16",
    padding="release",
    backbone_weights="torchvision",
    freeze_stages=0,
    dropout=0.5,
    mirror=False,
    colour=0.0,
    steps=100_000,
    **trained_as("fcn-online-32s"),
    long_side=500,
    evaluate_every=4000,
)
SMALLER = {
    "alexnet": dataclasses.replace(VGG16_32S, dropout=0.5, **trained_as("fcn-release-alexnet")),
    "googlenet": dataclasses.replace(VGG16_32S, dropout=0.4, **trained_as("fcn-batch20-googlenet")),
}


def release(net: str, backbone: str) -> Recipe:
    """The recipe of FCN `net` ("32s", "16s", "8s", "8s_at_once", "32s_fixed") on a backbone."""
    name = f"fcn{net}_{backbone}"
    start = VGG16_32S
    if backbone != "vgg16":
        start = dataclasses.replace(
            SMALLER[backbone], origin="torchvision", steps=74_400, evaluate_every=2000
        )
    recipe = dataclasses.replace(start, name=f"voc_{name}", net=name.replace("_", "-"))
    if net == "8s_at_once" and backbone == "vgg16":
        recipe = dataclasses.replace(recipe, steps=300_000, **trained_as("fcn-online-8s-at-once"))
    if net not in BEFORE:
        return recipe
    recipe = dataclasses.replace(
        recipe, backbone_weights="none", init_from=f"runs/voc_fcn{BEFORE[net]}_{backbone}"
    )
    if backbone == "vgg16":
        return dataclasses.replace(recipe, **trained_as(f"fcn-online-{net}"))
    return lowered(recipe, release(BEFORE[net], backbone))


def lowered(recipe: Recipe, before: Recipe) -> Recipe:
    """The recipe with a hundredth of the rates of the stage before (section 4.2)."""
    return dataclasses.replace(
        recipe,
        learning_rate=before.learning_rate / 100,
        head_learning_rate=before.head_learning_rate / 100,
    )


def _entry(net: str, backbone: str) -> Entry:
    recipe = release(net, backbone)
    title = f"{TITLES[net]} on PASCAL VOC from {BACKBONES[backbone]}"
    paper = f"Long et al. 2015, {FIGURES.get(f'{net}_{backbone}', SKIPS_OF_VGG16)}"
    training = f"Training: preset {recipe.preset}, {recipe.steps:,} steps."
    if recipe.init_from is not None:
        training += f" Starts from the best net of {recipe.init_from} (or --set init_from=RUN)."
        if backbone != "vgg16":
            training += " The rates are a hundredth of that run's."
    return entry(recipe, title, paper, training, NOT_RUN)


BACKBONES = {"vgg16": "VGG16", "alexnet": "AlexNet", "googlenet": "GoogLeNet"}
FAMILY = (
    *(_entry(net, backbone) for backbone in BACKBONES for net in ("32s", "16s", "8s", "8s_at_once")),
    _entry("32s_fixed", "vgg16"),
)
