"""FCN-8s on PASCAL VOC in one stage, with poolings scaled before they are scored.

Paper: the release that accompanies Long et al. 2015; its weights have mean IoU 65.4 on seg11valid.
Command: pixelwise train voc_fcn8s_at_once_vgg16 --set data=sbd:SBD --set val_data=voc:VOC2012
Training: as voc_fcn32s_vgg16, three times as long. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_vgg16
from pixelwise.training.presets import trained_as

RECIPE = dataclasses.replace(
    voc_fcn32s_vgg16.RECIPE,
    name="voc_fcn8s_at_once_vgg16",
    net="fcn8s-at-once-vgg16",
    steps=300_000,
    **trained_as("fcn-online-8s-at-once"),
)
