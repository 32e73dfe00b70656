"""FCN-16s on Stanford Background with two heads, regions and surfaces, by stages.

Paper: none of the two uses these data, which are as SIFT Flow's; there is no figure to meet.
Command: pixelwise train stanford_background_fcn16s --set data=stanford_background:iccv09Data
Training: as siftflow_fcn16s; `,fold=1` to `,fold=4` behind the path give the other parts.
Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import siftflow_fcn16s
from pixelwise.training.chain import Chain

STAGES = tuple(
    dataclasses.replace(
        stage,
        name=stage.name.replace("siftflow_fcn16s", "stanford_background_fcn16s"),
        data="stanford_background:iccv09Data",
        train_split="train",
        val_split="val",
    )
    for stage in siftflow_fcn16s.RECIPE.stages
)
RECIPE = Chain("stanford_background_fcn16s", STAGES)
