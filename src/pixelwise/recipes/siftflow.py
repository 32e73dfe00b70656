"""FCN-16s with two heads, in two stages: SIFT Flow (Long et al. 2015, table 5) and Stanford Background.

Trained as voc_fcn32s_vgg16 and voc_fcn16s_vgg16, the losses of both heads summed. Colours are normalised as
for the initial weights; the release subtracts the mean of SIFT Flow: `pixelwise import-caffe --partial --mean
114.578,115.294,108.353` of the classifier, then --set backbone_weights=FILE.
"""

import dataclasses

from pixelwise.recipes.entry import NOT_RUN, entry
from pixelwise.recipes.voc_fcn import release
from pixelwise.training.setup.paper_settings import trained_as
from pixelwise.training.stages import Chain


def two_heads(name: str, data: str, train_split: str, val_split: str) -> Chain:
    """The stages FCN-32s and FCN-16s on data with the heads semantic and geometric."""
    first = dataclasses.replace(
        release("32s", "vgg16"),
        name=f"{name}_32s",
        data=data,
        val_data=None,
        heads=("semantic", "geometric"),
        train_split=train_split,
        val_split=val_split,
    )
    second = dataclasses.replace(
        first,
        name=f"{name}_16s",
        net="fcn16s-vgg16",
        backbone_weights="none",
        **trained_as("fcn-online-16s"),
    )
    return Chain(name, (first, second))


FAMILY = (
    entry(
        two_heads("siftflow_fcn16s", "sift_flow:SiftFlowDataset", "trainval", "test"),
        "FCN-16s on SIFT Flow with two heads, semantic and geometric, by stages",
        "Long et al. 2015, table 5; pixel accuracy 85.2, mean accuracy 51.7, mean IoU 39.5, f.w. IoU 76.1 of "
        "the 33 semantic classes on 200 test pictures, geometric pixel accuracy 94.3. Classes absent from "
        'the test set are left out: compare with what eval calls "mean IoU of true classes".',
        "best.pt is selected on the test pictures, the only other split, so its figures are optimistic.",
        NOT_RUN,
    ),
    entry(
        two_heads("stanford_background_fcn16s", "stanford_background:iccv09Data", "train", "val"),
        "FCN-16s on Stanford Background with two heads, regions and surfaces, by stages",
        "none for these data, which are like SIFT Flow's; there is no published figure.",
        "`,fold=1` to `,fold=4` after the path select the other folds.",
        NOT_RUN,
    ),
)
