"""FCN-8s on CamVid from FCN-16s: the last stage.

Paper: Long et al. 2015, section 4.2: starts from stage two with a zero score on pool3, at lower rates.
Command: pixelwise train camvid_fcn8s_vgg16 --set data=camvid:PATH --set init_from=RUN_OF_STAGE_TWO
Paper's figure: test mean IoU 57.0 on CamVid in Jegou et al. 2017, table 1.
Cost: 80 steps of 4 crops, 0.06 hours.
Result, 2026-11-22, seed 0: mean IoU 34.10 on the 101 val images, as judged in
camvid_fcn32s_vgg16. sha256 of best.pt: dea87c0df2d51f50fbb5078c4694eb70ae3b8653d778a74289b8c9a2230a78b9.
"""

import dataclasses

from pixelwise.recipes import camvid_fcn16s_vgg16

RECIPE = dataclasses.replace(
    camvid_fcn16s_vgg16.RECIPE,
    name="camvid_fcn8s_vgg16",
    net="fcn8s-vgg16",
    init_from="runs/camvid_fcn16s_vgg16",
    learning_rate=2e-5,
    head_learning_rate=2e-5,
    steps=80,
    evaluate_every=80,
)
