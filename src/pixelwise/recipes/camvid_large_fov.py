"""DeepLab-LargeFOV on CamVid from the convolutions of VGG16.

Paper: Chen et al. 2015, section 4.1, "LargeFOV". Test mean IoU 61.6 on CamVid in Jegou et al. 2017, table 1.
Command: pixelwise train camvid_large_fov --set data=camvid:PATH --set backbone_weights=FILE
Departures: batch 4, a short course, conv1 and conv2 fixed, fc6 and fc7 new (the weight file has no
classifier) and learnt at the rate of the last layer, as of camvid_fcn32s_vgg16. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import camvid_fcn32s_vgg16

RECIPE = dataclasses.replace(
    camvid_fcn32s_vgg16.RECIPE,
    name="camvid_large_fov",
    net="deeplab-large-fov",
    steps=1000,
    learning_rate=1e-4,
    head_learning_rate=2e-4,
    warmup_steps=40,
    evaluate_every=200,
)
