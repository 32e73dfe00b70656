"""DeepLab-LargeFOV on CamVid from the convolutions of VGG16, in two courses: as it is, then balanced.

Paper: Chen et al. 2015, section 4.1, "LargeFOV". Test mean IoU 61.6 on CamVid in Jegou et al. 2017, table 1.
Command: pixelwise train camvid_large_fov --set data=camvid:PATH
backbone_weights is the file of camvid_fcn32s_vgg16. Departures: batch 4, AdamW, conv1 and conv2 fixed, fc6
and fc7 new (the weight file has no classifier) and learnt at the rate of the last layer. After the first
course the net never says pole, sign, pedestrian or bicyclist; the second weighs classes by the root of their
rarity and starts from the best net of the first.
"""

import dataclasses

from pixelwise.training.chain import Chain
from pixelwise.training.recipe import Recipe

FIRST = Recipe(
    name="camvid_large_fov_first",
    data="camvid:../shared/data/camvid",
    net="deeplab-large-fov",
    backbone_weights="../shared/weights/vgg16_trunk_hed_fp16.safetensors",
    freeze_stages=2,
    dropout=0.5,
    crop=257,
    colour=0.0,
    batch_size=4,
    steps=1000,
    learning_rate=1e-4,
    head_learning_rate=2e-4,
    warmup_steps=40,
    weight_decay=5e-4,
    double_bias_rate=True,
    evaluate_every=200,
    long_side=480,
)
SECOND = dataclasses.replace(
    FIRST, name="camvid_large_fov_second", balance_classes=0.5, steps=1600, warmup_steps=20
)
RECIPE = Chain("camvid_large_fov", (FIRST, SECOND))
