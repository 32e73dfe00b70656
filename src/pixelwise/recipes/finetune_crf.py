"""A net for your own labelled images, and then the same net trained together with a dense CRF:
`pixelwise train finetune_crf --set data=folder:PATH --output RUN`.

Paper: the end-to-end training named in the discussion of Chen et al. 2015, as Zheng et al. 2015 did it: the
net first, then both with small rates, 5 mean-field iterations while learning and 10 afterwards. The second
stage starts from the best net of the first. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import finetune
from pixelwise.training.stages import Chain

RECIPE = Chain(
    "finetune_crf",
    (
        finetune.RECIPE,
        dataclasses.replace(
            finetune.RECIPE,
            name="finetune_with_crf",
            crf_layer="deeplab-coco",
            batch_size=4,
            steps=200,
            learning_rate=3e-5,
            head_learning_rate=2e-4,
            evaluate_every=100,
        ),
    ),
)
