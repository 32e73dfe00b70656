"""FCN-8s on PASCAL VOC from FCN-16s: the last stage.

Paper: Long et al. 2015, section 4.2; mean IoU 62.7 on seg11valid, the released weights 65.5.
Command: pixelwise train voc_fcn8s_vgg16 --set data=sbd:SBD --set val_data=voc:VOC2012
Starts from the best net of runs/voc_fcn16s_vgg16 (or --set init_from=RUN). Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn16s_vgg16
from pixelwise.training.presets import trained_as

RECIPE = dataclasses.replace(
    voc_fcn16s_vgg16.RECIPE,
    name="voc_fcn8s_vgg16",
    net="fcn8s-vgg16",
    init_from="runs/voc_fcn16s_vgg16",
    **trained_as("fcn-online-8s"),
)
