"""FCN-16s on CamVid from FCN-32s: the second stage of FCN-8s.

Paper: Long et al. 2015, section 4.2: starts from stage one with a zero score on pool4, at lower rates.
Command: pixelwise train camvid_fcn16s_vgg16 --set data=camvid:PATH --set init_from=RUN_OF_STAGE_ONE
Cost: 80 steps of 4 crops, 0.06 hours.
Result, 2026-11-22, seed 0: mean IoU 31.49 on the 101 val images, as judged in
camvid_fcn32s_vgg16. sha256 of best.pt: f050f23013521d157715192340d1d4230772dffaa298430d9410f6dbe73cd34e.
"""

import dataclasses

from pixelwise.recipes import camvid_fcn32s_vgg16

RECIPE = dataclasses.replace(
    camvid_fcn32s_vgg16.RECIPE,
    name="camvid_fcn16s_vgg16",
    net="fcn16s-vgg16",
    backbone_weights="none",
    init_from="runs/camvid_fcn32s_vgg16",
    learning_rate=3e-5,
    head_learning_rate=3e-5,
    steps=80,
    evaluate_every=80,
)
