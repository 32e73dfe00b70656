"""A net for your own labelled images: `pixelwise train finetune --set data=folder:PATH --output RUN`.

The net and optimiser of people_and_animals with a shorter course: about 20 minutes on two cores. Give --set
steps=N for longer ones. Result: depends on the data; not a published figure.
"""

import dataclasses

from pixelwise.recipes import people_and_animals

RECIPE = dataclasses.replace(
    people_and_animals.RECIPE,
    name="finetune",
    data="folder:my_images",
    classes=None,
    steps=1000,
    evaluate_every=200,
)
