"""FCN-32s on NYUDv2 from colours.

Paper: Long et al. 2015, table 4; pixel accuracy 60.0, mean accuracy 42.2, mean IoU 29.2, f.w. IoU 43.9 on the
654 test pictures, 40 classes.
Command: pixelwise train nyud_rgb --set data=nyud:NYUDv2
Training: as voc_fcn32s_vgg16.
As in the paper the net learns from all that is not test, so best.pt is the best by test pictures, which
flatters.
Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_vgg16

RECIPE = dataclasses.replace(
    voc_fcn32s_vgg16.RECIPE,
    name="nyud_rgb",
    data="nyud:NYUDv2",
    val_data=None,
    train_split="trainval",
    val_split="test",
    train_side=640,
    long_side=640,
)
