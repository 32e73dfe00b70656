"""FCN-16s on PASCAL VOC from FCN-32s: the second stage of FCN-8s.

Paper: Long et al. 2015, section 4.2; mean IoU 62.4 on seg11valid, the released weights 65.0.
Command: pixelwise train voc_fcn16s_vgg16 --set data=sbd:SBD --set val_data=voc:VOC2012
Starts from the best net of runs/voc_fcn32s_vgg16 (or --set init_from=RUN). Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_vgg16
from pixelwise.training.presets import trained_as

RECIPE = dataclasses.replace(
    voc_fcn32s_vgg16.RECIPE,
    name="voc_fcn16s_vgg16",
    net="fcn16s-vgg16",
    backbone_weights="none",
    init_from="runs/voc_fcn32s_vgg16",
    **trained_as("fcn-online-16s"),
)
