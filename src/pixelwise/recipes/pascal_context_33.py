"""FCN-8s on the 33 classes of PASCAL-Context, by stages.

Paper: Long et al. 2015, table 6; pixel accuracy 71.8, mean accuracy 67.6, mean IoU 53.5, f.w. IoU 57.7 on
val.
Command: pixelwise train pascal_context_33 --set data=pascal_context:PASCAL-Context,classes=33
Training: as voc_fcn32s_vgg16, voc_fcn16s_vgg16 and voc_fcn8s_vgg16. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import pascal_context_59
from pixelwise.training.chain import Chain

STAGES = tuple(
    dataclasses.replace(
        stage,
        name=stage.name.replace("pascal_context_59", "pascal_context_33"),
        data="pascal_context:PASCAL-Context,classes=33",
    )
    for stage in pascal_context_59.RECIPE.stages
)
RECIPE = Chain("pascal_context_33", STAGES)
