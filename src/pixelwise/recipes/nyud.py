"""FCN on NYUDv2, 40 classes, 795 pictures to train and 654 to test. Source: Long et al. 2015, table 4.

Trained as voc_fcn32s_vgg16 and voc_fcn16s_vgg16. As in the paper all pictures but the test set are for
training, so best.pt is selected on the test pictures, which makes its figures optimistic. Late fusion takes
the mean of both streams' scores as in the release (the paper says sum). Here both streams start from VGG16;
the release's start from its nets of RGB and of HHA, at a hundredth of the learning rate. Colours are
normalised as for the initial weights; the release subtracts the mean of NYUDv2: `pixelwise import-caffe
--partial --mean 116.190,97.203,92.318` of the classifier, then --set backbone_weights=FILE.
"""

import dataclasses

from pixelwise.recipes.entry import NOT_RUN, Entry, entry
from pixelwise.recipes.voc_fcn import release
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.paper_settings import trained_as

RGB = dataclasses.replace(
    release("32s", "vgg16"),
    name="nyud_rgb",
    data="nyud:NYUDv2",
    val_data=None,
    train_split="trainval",
    val_split="test",
    train_side=640,
    long_side=640,
)
RGB_HHA = dataclasses.replace(RGB, name="nyud_rgb_hha", inputs=("image", "hha"))
RGB_HHA_16S = dataclasses.replace(
    RGB_HHA,
    name="nyud_rgb_hha_16s",
    net="fcn16s-vgg16",
    backbone_weights="none",
    init_from="runs/nyud_rgb_hha",
    **trained_as("fcn-online-16s"),
)


def _entry(recipe: Recipe, title: str, figures: tuple[float, float, float, float]) -> Entry:
    pixel, mean, iou, weighted = figures
    paper = (
        f"Long et al. 2015, table 4; pixel accuracy {pixel}, mean accuracy {mean}, mean IoU {iou}, f.w. IoU "
        f"{weighted} on the 654 test pictures, 40 classes."
    )
    return entry(recipe, f"{title} on NYUDv2", paper, NOT_RUN)


FAMILY = (
    _entry(RGB, "FCN-32s from colours", (60.0, 42.2, 29.2, 43.9)),
    _entry(
        dataclasses.replace(RGB, name="nyud_rgbd", inputs=("image", "depth")),
        "FCN-32s from colours and depth as a fourth channel (early fusion)",
        (61.5, 42.4, 30.5, 45.5),
    ),
    _entry(
        dataclasses.replace(RGB, name="nyud_hha", inputs=("hha",)),
        "FCN-32s from HHA (disparity, height above ground, angle with gravity)",
        (57.1, 35.2, 24.2, 40.4),
    ),
    _entry(RGB_HHA, "FCN-32s from colours and HHA in two streams (late fusion)", (64.3, 44.9, 32.8, 48.0)),
    _entry(
        RGB_HHA_16S, "FCN-16s from colours and HHA in two streams (late fusion)", (65.4, 46.1, 34.0, 49.5)
    ),
)
