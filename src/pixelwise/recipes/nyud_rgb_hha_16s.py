"""FCN-16s on NYUDv2 from colours and HHA in two streams (late fusion).

Paper: Long et al. 2015, table 4; pixel accuracy 65.4, mean accuracy 46.1, mean IoU 34.0, f.w. IoU 49.5 on the
654 test pictures, 40 classes.
Command: pixelwise train nyud_rgb_hha_16s --set data=nyud:NYUDv2
Starts from the best net of runs/nyud_rgb_hha. Training: as voc_fcn16s_vgg16. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import nyud_rgb_hha
from pixelwise.training.presets import trained_as

RECIPE = dataclasses.replace(
    nyud_rgb_hha.RECIPE,
    name="nyud_rgb_hha_16s",
    net="fcn16s-vgg16",
    backbone_weights="none",
    init_from="runs/nyud_rgb_hha",
    **trained_as("fcn-online-16s"),
)
