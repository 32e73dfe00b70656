"""Ablations of FCN, one change each. Source: Long et al. 2015, sections 3.3, 4.1 to 4.3.

All are variants of voc_fcn32s_vgg16_batch20, or of voc_fcn16s_vgg16_batch20 if the skip changes.
"""

import dataclasses
from typing import Any

from pixelwise.recipes.entry import NOT_RUN, Entry, entry
from pixelwise.recipes.voc_fcn_paper import batch20


def _entry(name: str, title: str, finding: str, stage: str = "32s", **changes: Any) -> Entry:
    recipe = dataclasses.replace(batch20(stage, "vgg16"), name=f"voc_fcn{stage}_{name}", **changes)
    return entry(recipe, f"FCN-{stage} {title}", f"Long et al. 2015, {finding}", NOT_RUN)


FAMILY = (
    _entry(
        "pool4_only_vgg16",
        "on PASCAL VOC from the scores of pool4 alone",
        'section 4.2: "poor performance".',
        "16s",
        net="fcn16s-pool4-only-vgg16",
    ),
    _entry(
        "max_vgg16",
        "on PASCAL VOC, scores joined by their maximum instead of their sum",
        "section 4.2, footnote: learning is difficult, since the gradient switches.",
        "16s",
        net="fcn16s-max-vgg16",
    ),
    _entry(
        "rate_only_vgg16",
        "on PASCAL VOC, learnt further at a hundredth of its rate, without a skip",
        "section 4.2: an insignificant improvement.",
        backbone_weights="none",
        init_from="runs/voc_fcn32s_vgg16_batch20",
        learning_rate=1e-6,
        head_learning_rate=1e-6,
    ),
    _entry(
        "dense_pool5_vgg16",
        "on PASCAL VOC with pool5 at stride 1 and a 14x14 fc6",
        "section 4.2: such large filters are difficult to learn. fc6 begins random: no classifier has it.",
        net="fcn32s-dense-pool5-vgg16",
    ),
    _entry(
        "random_scores_vgg16",
        "on PASCAL VOC with random instead of zero scores at the start",
        "section 4.3: neither better nor faster.",
        net="fcn32s-random-scores-vgg16",
    ),
    _entry(
        "nonlinear_vgg16",
        "on PASCAL VOC with a stack of learned doublings and ReLUs as last upsampling",
        "section 3.3, which names it and has no figure.",
        upsampling="nonlinear",
    ),
    _entry(
        "balanced_vgg16",
        "on PASCAL VOC with classes balanced by sampling the loss",
        "section 4.3: unnecessary. The paper does not say how; here all classes count alike.",
        balance_classes=1.0,
        balance_by="sampling",
    ),
    _entry(
        "vgg19",
        "on PASCAL VOC from VGG19",
        "section 4.1: VGG16 is equivalent to it.",
        net="fcn32s-vgg19",
    ),
)
