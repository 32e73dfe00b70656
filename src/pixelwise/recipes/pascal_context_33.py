"""FCN-8s on the 33 classes of PASCAL-Context, by stages.

Paper: Long et al. 2015, table 6; pixel accuracy 71.8, mean accuracy 67.6, mean IoU 53.5, f.w. IoU 57.7 on
val.
Command: pixelwise train pascal_context_33 --set data=pascal_context:PASCAL-Context,classes=33
Training: as voc_fcn32s_vgg16, voc_fcn16s_vgg16 and voc_fcn8s_vgg16. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_vgg16
from pixelwise.training.chain import Chain
from pixelwise.training.presets import PRESETS

FIRST = dataclasses.replace(
    voc_fcn32s_vgg16.RECIPE,
    name="pascal_context_33_32s",
    val_data=None,
    data="pascal_context:PASCAL-Context,classes=33",
    val_split="val",
)
SECOND = dataclasses.replace(
    FIRST,
    name="pascal_context_33_16s",
    net="fcn16s-vgg16",
    backbone_weights="none",
    preset="fcn-online-16s",
    **PRESETS["fcn-online-16s"],
)
THIRD = dataclasses.replace(
    SECOND,
    name="pascal_context_33_8s",
    net="fcn8s-vgg16",
    backbone_weights="none",
    preset="fcn-online-8s",
    **PRESETS["fcn-online-8s"],
)
RECIPE = Chain("pascal_context_33", (FIRST, SECOND, THIRD))
