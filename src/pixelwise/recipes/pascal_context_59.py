"""FCN-8s on the 59 classes of PASCAL-Context, by stages.

Paper: Long et al. 2015, table 6; pixel accuracy 65.9, mean accuracy 46.5, mean IoU 35.1, f.w. IoU 51.0 on
val.
Command: pixelwise train pascal_context_59 --set data=pascal_context:PASCAL-Context
Training: as voc_fcn32s_vgg16, voc_fcn16s_vgg16 and voc_fcn8s_vgg16. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_vgg16
from pixelwise.training.chain import Chain
from pixelwise.training.presets import trained_as

FIRST = dataclasses.replace(
    voc_fcn32s_vgg16.RECIPE,
    name="pascal_context_59_32s",
    val_data=None,
    data="pascal_context:PASCAL-Context",
    val_split="val",
)
SECOND = dataclasses.replace(
    FIRST,
    name="pascal_context_59_16s",
    net="fcn16s-vgg16",
    backbone_weights="none",
    **trained_as("fcn-online-16s"),
)
THIRD = dataclasses.replace(
    SECOND,
    name="pascal_context_59_8s",
    net="fcn8s-vgg16",
    **trained_as("fcn-online-8s"),
)
RECIPE = Chain("pascal_context_59", (FIRST, SECOND, THIRD))
