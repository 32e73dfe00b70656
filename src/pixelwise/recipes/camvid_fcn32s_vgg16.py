"""FCN-32s on CamVid from the convolutions of VGG16: the first stage of FCN-8s.

Paper: Long et al. 2015, section 4.1. Test mean IoU of FCN-8s on CamVid 57.0 in Jegou et al. 2017, table 1.
Command: pixelwise train camvid_fcn32s_vgg16 --set data=camvid:PATH --set backbone_weights=FILE
Departures: layers padded by half their kernel, loss averaged over pixels, batch 4, a short course, conv1 and
conv2 fixed, fc6 and fc7 new (the weight file has no classifier). Result: not yet run.
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
