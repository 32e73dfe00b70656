"""DeepLab-LargeFOV on CamVid from the convolutions of VGG16, in four courses, each from the best net before.

Paper: Chen et al. 2015, section 4.1, "LargeFOV". Test mean IoU 61.6 on CamVid in Jegou et al. 2017, table 1.
Command: pixelwise train camvid_large_fov --set data=camvid:PATH
backbone_weights is the file of camvid_fcn32s_vgg16. Departures: batch 4, AdamW, conv1 and conv2 fixed, fc6
and fc7 new (the weight file has no classifier) and learnt at the rate of the last layer. After the first
course the net never says pole, sign, pedestrian or bicyclist; the second weighs classes by the root of their
rarity; the third weighs them less and gives back what the common classes lost; the fourth learns from
enlarged pictures in changed colours, and pictures are then enlarged to 720x540 to be segmented. The courses
were chosen by looking at val.
Cost: 2.3 hours on two x86-64 cores with AVX2, light work beside; 1,000, 1,600, 400 and 400 steps of 4, 1.7 to
1.9 crops a second, in the last course 1.4.
Result, 2026-11-22, seed 0: mean IoU 62.31 on the 101 val images, 60.89 with --crf (deeplab-coco, which
swallows signs); 11 classes, 480x360, single scale, one confusion matrix, void left out. After the third
course, without enlarging, 60.71 and 59.10; its net on enlarged pictures 62.15. First course: step 200 34.5,
400 41.0, 600 43.6, 800 45.0, 1,000 45.7; second: 200 49.8, 400 54.5, 600 56.0, 800 57.1, 1,000 58.2, 1,200
60.2, 1,400 60.1, 1,600 60.1; third: 100 58.0, 200 60.2, 300 60.1, 400 60.7; fourth: 200 59.3, 400 62.3.
Instead of the fourth, 600 steps more without enlarging, at the first rate: 60.9. The first three courses were
learnt when labels of resized crops still lay up to half a pixel beside their pictures.
sha256 of best.pt after the four: 63f6958d045ee92574a0b82b268c23fa2365fdba01092b679979744199b2328f,
41f9d601a8b1772d052157b69ae2041653ea56f300f4e6c88ba5c22fa6b4b37c,
769180f107bd2895a0a8f1ce27f1f0c960bac7d1fcef2c906023c622e31bd4ee,
7125ef160ee786bbed3354a7ee5739b7e5e4dca76cc1eba5d725cf15300f0269.
"""

import dataclasses

from pixelwise.recipes import camvid_fcn32s_vgg16
from pixelwise.training.chain import Chain

FIRST = dataclasses.replace(
    camvid_fcn32s_vgg16.RECIPE,
    name="camvid_large_fov_1",
    net="deeplab-large-fov",
    steps=1000,
    learning_rate=1e-4,
    head_learning_rate=2e-4,
    warmup_steps=40,
    evaluate_every=200,
)
SECOND = dataclasses.replace(
    FIRST, name="camvid_large_fov_2", balance_classes=0.5, steps=1600, warmup_steps=20
)
THIRD = dataclasses.replace(
    SECOND,
    name="camvid_large_fov_3",
    balance_classes=0.25,
    steps=400,
    learning_rate=5e-5,
    head_learning_rate=1e-4,
    ema=0.99,
    evaluate_every=100,
)
FOURTH = dataclasses.replace(
    THIRD,
    name="camvid_large_fov_4",
    scale=(1.0, 2.2),
    crop=321,
    colour=0.3,
    learning_rate=1e-4,
    head_learning_rate=2e-4,
    long_side=720,
    enlarge=True,
    evaluate_every=200,
)
RECIPE = Chain("camvid_large_fov", (FIRST, SECOND, THIRD, FOURTH))
