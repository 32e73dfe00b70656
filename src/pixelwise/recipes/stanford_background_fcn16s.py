"""FCN-16s on Stanford Background with two heads, regions and surfaces, by stages.

Paper: none of the two uses these data, which are as SIFT Flow's; there is no figure to meet.
Command: pixelwise train stanford_background_fcn16s --set data=stanford_background:iccv09Data
Training: as siftflow_fcn16s; `,fold=1` to `,fold=4` behind the path give the other parts. Result: not yet
run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_vgg16
from pixelwise.training.chain import Chain
from pixelwise.training.presets import PRESETS

FIRST = dataclasses.replace(
    voc_fcn32s_vgg16.RECIPE,
    name="stanford_background_fcn16s_32s",
    val_data=None,
    data="stanford_background:iccv09Data",
    heads=("semantic", "geometric"),
    val_split="val",
)
SECOND = dataclasses.replace(
    FIRST,
    name="stanford_background_fcn16s_16s",
    net="fcn16s-vgg16",
    backbone_weights="none",
    preset="fcn-online-16s",
    **PRESETS["fcn-online-16s"],
)
RECIPE = Chain("stanford_background_fcn16s", (FIRST, SECOND))
