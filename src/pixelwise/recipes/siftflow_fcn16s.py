"""FCN-16s on SIFT Flow with two heads, semantic and geometric, by stages.

Paper: Long et al. 2015, table 5; pixel accuracy 85.2, mean accuracy 51.7, mean IoU 39.5, f.w. IoU 76.1 of the
33 semantic classes on 200 test pictures, geometric pixel accuracy 94.3. Classes absent from the test set are
left out: compare with what eval calls "mean IoU of true classes".
Command: pixelwise train siftflow_fcn16s --set data=sift_flow:SiftFlowDataset
Training: as voc_fcn32s_vgg16 and voc_fcn16s_vgg16, the losses of both heads summed.
The data has no split to choose by but the test pictures, so best.pt, the best of them, flatters.
Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_vgg16
from pixelwise.training.chain import Chain
from pixelwise.training.presets import trained_as

FIRST = dataclasses.replace(
    voc_fcn32s_vgg16.RECIPE,
    name="siftflow_fcn16s_32s",
    val_data=None,
    data="sift_flow:SiftFlowDataset",
    heads=("semantic", "geometric"),
    train_split="trainval",
    val_split="test",
)
SECOND = dataclasses.replace(
    FIRST,
    name="siftflow_fcn16s_16s",
    net="fcn16s-vgg16",
    backbone_weights="none",
    **trained_as("fcn-online-16s"),
)
RECIPE = Chain("siftflow_fcn16s", (FIRST, SECOND))
