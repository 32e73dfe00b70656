"""FCN-8s on PASCAL-Context, in three stages. Source: Long et al. 2015, table 6.

Trained as voc_fcn32s_vgg16, voc_fcn16s_vgg16 and voc_fcn8s_vgg16.
"""

import dataclasses

from pixelwise.recipes.entry import NOT_RUN, Entry, entry
from pixelwise.recipes.voc_fcn import release
from pixelwise.training.setup.paper_settings import trained_as
from pixelwise.training.stages import Chain


def pascal_context(classes: int) -> Chain:
    """FCN-32s, 16s and 8s on the 59 or 33 classes."""
    data = "pascal_context:PASCAL-Context" + (",classes=33" if classes == 33 else "")
    name = f"pascal_context_{classes}"
    first = dataclasses.replace(
        release("32s", "vgg16"), name=f"{name}_32s", data=data, val_data=None, val_split="val"
    )
    later = (
        dataclasses.replace(
            first,
            name=f"{name}_{stride}s",
            net=f"fcn{stride}s-vgg16",
            backbone_weights="none",
            **trained_as(f"fcn-online-{stride}s"),
        )
        for stride in (16, 8)
    )
    return Chain(name, (first, *later))


def _entry(classes: int, figures: str) -> Entry:
    title = f"FCN-8s on the {classes} classes of PASCAL-Context, by stages"
    return entry(pascal_context(classes), title, f"Long et al. 2015, table 6; {figures} on val.", NOT_RUN)


FAMILY = (
    _entry(59, "pixel accuracy 65.9, mean accuracy 46.5, mean IoU 35.1, f.w. IoU 51.0"),
    _entry(33, "pixel accuracy 71.8, mean accuracy 67.6, mean IoU 53.5, f.w. IoU 57.7"),
)
