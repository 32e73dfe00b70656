"""FCN-8s on PASCAL VOC from AlexNet, by stages.

Paper: Long et al. 2015 has skips for VGG16 alone; this does the same to AlexNet, so there is no figure to
meet.
Command: pixelwise train voc_fcn8s_alexnet --set data=sbd:SBD --set val_data=voc:VOC2012
Starts from the best net of runs/voc_fcn16s_alexnet, at rates a hundredth of its. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn16s_alexnet

BEFORE = voc_fcn16s_alexnet.RECIPE
RECIPE = dataclasses.replace(
    BEFORE,
    name="voc_fcn8s_alexnet",
    net="fcn8s-alexnet",
    init_from="runs/voc_fcn16s_alexnet",
    learning_rate=BEFORE.learning_rate / 100,
    head_learning_rate=BEFORE.head_learning_rate / 100,
)
