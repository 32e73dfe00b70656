"""FCN-8s on CamVid from FCN-16s: the last stage.

Paper: Long et al. 2015, section 4.2: starts from stage two with a zero score on pool3. Here most is learnt in
this stage, with classes weighed by the root of their rarity; the stages before are short.
Command: pixelwise train camvid_fcn8s_vgg16 --set data=camvid:PATH --set init_from=RUN_OF_STAGE_TWO
Paper's figure: test mean IoU 57.0 on CamVid in Jegou et al. 2017, table 1.
Cost: 600 steps of 4 crops, 0.46 hours beside other work (0.9 to 2 crops a second).
Result, 2026-11-22, seed 0: mean IoU 58.04 on the 101 val images, 58.22 with --crf (deeplab-coco), as in
camvid_fcn32s_vgg16; step 200 51.5, 400 57.3, 600 58.0. Without weights of classes, 80 steps gave 34.1.
sha256 of best.pt:
a593fc98d69969bc9bf9199b22b72b42b396fe7c66cf40b1337cbce1aff6c98e.
"""

import dataclasses

from pixelwise.recipes import camvid_fcn16s_vgg16

RECIPE = dataclasses.replace(
    camvid_fcn16s_vgg16.RECIPE,
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
