"""DeepLab-LargeFOV on PASCAL VOC from VGG16.

Paper: Chen et al. 2015, section 4.1; mean IoU 62.25 on VOC2012 val, 67.64 with the CRF (eval --crf).
Command: pixelwise train voc_deeplab_large_fov --set data=voc:VOC2012,sbd=SBD
Training: crops of 321, batches of 20, fc8 at ten times the rate, 6,000 steps, rates a tenth after every 2,000.
Departures: torchvision's ImageNet weights (fc6 and fc7 are taps and filters of them), the mean of the loss
over positions instead of its sum. Result: not yet run.
"""

from pixelwise.training.recipe import Recipe

RECIPE = Recipe(
    name="voc_deeplab_large_fov",
    data="voc:VOC2012,sbd=SBD",
    train_split="train_aug",
    net="deeplab-large-fov",
    backbone_weights="torchvision",
    freeze_stages=0,
    dropout=0.5,
    crop=321,
    scale=(1.0, 1.0),
    colour=0.0,
    batch_size=20,
    steps=6000,
    schedule="step",
    decay_every=2000,
    decay_factor=0.1,
    optimizer="sgd",
    learning_rate=1e-3,
    head_learning_rate=1e-2,
    head_layers=("fc8",),
    weight_decay=5e-4,
    double_bias_rate=True,
    warmup_steps=0,
    ema=0.0,
    long_side=500,
    evaluate_every=1000,
)
