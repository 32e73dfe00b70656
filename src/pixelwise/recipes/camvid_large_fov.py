"""DeepLab-LargeFOV on CamVid from the convolutions of VGG16.

Paper: Chen et al. 2015, section 4.1, "LargeFOV". Test mean IoU 61.6 on CamVid in Jegou et al. 2017, table 1.
Command: pixelwise train camvid_large_fov --set data=camvid:PATH --set backbone_weights=FILE
Departures: AdamW, batch 4, 11 rounds of the data, conv1 and conv2 fixed, fc6 and fc7 new (the weight file has
no classifier), as of camvid_fcn32s_vgg16.
Cost: 0.66 hours on two x86-64 cores with AVX2, light work beside; 1,000 steps of 4 crops, 1.7 a second.
Result, 2026-11-22, seed 0: mean IoU 45.73 on the 101 val images, 46.14 with --crf (deeplab-coco); 11
classes, 480x360, single scale, one confusion matrix, void left out. Over the course: step 200 34.5, 400 41.0,
600 43.6, 800 45.0, 1,000 45.7; loss 1.33 at step 20, 0.3 to 0.5 at the end. Far from the published figure,
whose net saw many times as many pictures. sha256 of best.pt:
63f6958d045ee92574a0b82b268c23fa2365fdba01092b679979744199b2328f.
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
