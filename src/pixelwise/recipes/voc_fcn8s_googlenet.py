"""FCN-8s on PASCAL VOC from GoogLeNet, by stages.

Paper: Long et al. 2015 has skips for VGG16 alone; this does the same to GoogLeNet, so there is no figure to
meet.
Command: pixelwise train voc_fcn8s_googlenet --set data=sbd:SBD --set val_data=voc:VOC2012
Starts from the best net of runs/voc_fcn16s_googlenet, at rates a hundredth of its. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn16s_googlenet

BEFORE = voc_fcn16s_googlenet.RECIPE
RECIPE = dataclasses.replace(
    BEFORE,
    name="voc_fcn8s_googlenet",
    net="fcn8s-googlenet",
    init_from="runs/voc_fcn16s_googlenet",
    learning_rate=BEFORE.learning_rate / 100,
    head_learning_rate=BEFORE.head_learning_rate / 100,
)
