"""FCN on PASCAL VOC as the paper itself says. Source: Long et al. 2015, sections 4.1 to 4.3, tables 1 and 2.

Batches of 20 whole pictures, the mean of the loss, momentum 0.9, fixed rates (AlexNet 1e-3, VGG16 1e-4,
GoogLeNet 5e-5), weight decay 5e-4, at least 175 epochs. Each skip is a stage at a hundredth of the rates
before, with learned upsampling between the skips: full filters between all classes. `voc_fcn*_batch20` train
on SBD's 8,498 pictures and are evaluated on seg11valid, as in table 2; `voc2011_*` train on the 1,112
pictures of VOC2011 train and are evaluated on all of VOC2011 val, as in table 1. Departures: torchvision's
ImageNet weights, whose AlexNet and GoogLeNet differ from Caffe's. With a classifier that `pixelwise
import-caffe` has read: --set origin=caffe --set backbone_weights=FILE.
"""

import dataclasses

from pixelwise.recipes.entry import NOT_RUN, Entry, entry
from pixelwise.recipes.voc_fcn import BACKBONES, BEFORE, TITLES, lowered, release
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.paper_settings import trained_as

TABLE_1 = {"alexnet": "39.8", "vgg16": "56.0", "googlenet": "42.5"}
TABLE_2 = {"32s": "59.4", "16s": "62.4", "8s": "62.7"}


def batch20(net: str, backbone: str) -> Recipe:
    """The recipe of FCN `net` ("32s", "16s", "8s") on a backbone."""
    start = release("32s", backbone)
    recipe = dataclasses.replace(
        start,
        name=f"voc_fcn{net}_{backbone}_batch20",
        net=f"fcn{net}-{backbone}",
        upsampling="full",
        steps=74_400,
        evaluate_every=2000,
        **trained_as(f"fcn-batch20-{backbone}"),
    )
    if net not in BEFORE:
        return recipe
    before = batch20(BEFORE[net], backbone)
    return lowered(
        dataclasses.replace(recipe, backbone_weights="none", init_from=f"runs/{before.name}"), before
    )


def voc2011(backbone: str) -> Recipe:
    """The recipe of a column of table 1."""
    return dataclasses.replace(
        batch20("32s", backbone),
        name=f"voc2011_fcn32s_{backbone}",
        data="voc:VOC2011",
        val_data=None,
        val_split="val",
        steps=9730,
        evaluate_every=973,
    )


def _batch20_entry(net: str, backbone: str) -> Entry:
    recipe = batch20(net, backbone)
    paper = "Long et al. 2015, section 4.3, which has no figure for this net on these pictures."
    if backbone == "vgg16":
        paper = f"Long et al. 2015, section 4.3 and table 2; mean IoU {TABLE_2[net]} on seg11valid."
    start = "" if recipe.init_from is None else f" Starts from the best net of {recipe.init_from}."
    training = f"Training: {recipe.steps:,} steps at a rate of {recipe.learning_rate:g}.{start}"
    title = f"{TITLES[net]} on PASCAL VOC from {BACKBONES[backbone]}, in batches of 20"
    return entry(recipe, title, paper, training, NOT_RUN)


def _voc2011_entry(backbone: str) -> Entry:
    return entry(
        voc2011(backbone),
        f"FCN-32s on PASCAL VOC 2011 from {BACKBONES[backbone]}",
        f"Long et al. 2015, table 1; mean IoU {TABLE_1[backbone]} on VOC2011 val.",
        "Training: 9,730 steps, 175 times through 1,112 pictures.",
        NOT_RUN,
    )


FAMILY = (
    *(_batch20_entry(net, backbone) for backbone in BACKBONES for net in ("32s", "16s", "8s")),
    *map(_voc2011_entry, BACKBONES),
)
