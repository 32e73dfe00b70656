"""FCN-32s on PASCAL VOC from VGG16, as in the authors' release: the first stage of FCN-8s.

Paper: Long et al. 2015, sections 4.1 and 4.3; mean IoU 59.4 on seg11valid, the released weights 63.6.
Command: pixelwise train voc_fcn32s_vgg16 --set data=sbd:SBD --set val_data=voc:VOC2012
Training: whole pictures one by one, summed losses, momentum 0.99 (preset fcn-online-32s), 100,000 steps.
Departure: torchvision's ImageNet weights instead of the Caffe ones. Result: not yet run.
"""

from pixelwise.training.presets import trained_as
from pixelwise.training.recipe import Recipe

RECIPE = Recipe(
    name="voc_fcn32s_vgg16",
    data="sbd:SBD",
    val_data="voc:VOC2012",
    val_split="seg11valid",
    net="fcn32s-vgg16",
    padding="release",
    backbone_weights="torchvision",
    freeze_stages=0,
    dropout=0.5,
    mirror=False,
    colour=0.0,
    steps=100_000,
    **trained_as("fcn-online-32s"),
    long_side=500,
    evaluate_every=4000,
)
