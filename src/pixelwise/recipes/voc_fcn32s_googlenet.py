"""FCN-32s on PASCAL VOC from GoogLeNet.

Paper: Long et al. 2015, section 4.1 and table 1; mean IoU 42.5 on VOC2011 val.
Command: pixelwise train voc_fcn32s_googlenet --set data=sbd:SBD --set val_data=voc:VOC2012
Training: mean losses over 20 whole pictures a step, 175 times through them (preset fcn-batch20-googlenet).
Departures: torchvision's GoogLeNet and its ImageNet weights, whose form differs from Caffe's.
Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_vgg16
from pixelwise.training.presets import trained_as

RECIPE = dataclasses.replace(
    voc_fcn32s_vgg16.RECIPE,
    name="voc_fcn32s_googlenet",
    net="fcn32s-googlenet",
    origin="torchvision",
    dropout=0.4,
    steps=74_400,
    **trained_as("fcn-batch20-googlenet"),
    evaluate_every=2000,
)
