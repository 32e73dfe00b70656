"""FCN-32s on PASCAL VOC from AlexNet.

Paper: Long et al. 2015, section 4.1 and table 1; mean IoU 39.8 on VOC2011 val, the released weights 48.0.
Command: pixelwise train voc_fcn32s_alexnet --set data=sbd:SBD --set val_data=voc:VOC2012
Training: mean losses over 20 whole pictures a step, 175 times through them (preset fcn-release-alexnet).
Departures: torchvision's AlexNet and its ImageNet weights, whose form differs from Caffe's.
Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_vgg16
from pixelwise.training.presets import trained_as

RECIPE = dataclasses.replace(
    voc_fcn32s_vgg16.RECIPE,
    name="voc_fcn32s_alexnet",
    net="fcn32s-alexnet",
    origin="torchvision",
    dropout=0.5,
    steps=74_400,
    **trained_as("fcn-release-alexnet"),
    evaluate_every=2000,
)
