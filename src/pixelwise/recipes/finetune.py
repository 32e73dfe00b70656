"""A net for your own labelled images: `pixelwise train finetune --set data=folder:PATH --output RUN`.

The net and optimiser of people_and_animals with a shorter course, 400 steps of 8 crops; that net learnt 8.4
crops a second on two cores. Give --set steps=N for longer ones. Result: depends on the data; docs/guide.md
has a run on 20 photos.
"""

import dataclasses

from pixelwise.recipes import people_and_animals

RECIPE = dataclasses.replace(
    people_and_animals.RECIPE,
    name="finetune",
    data="folder:my_images",
    classes=None,
    steps=400,
    evaluate_every=100,
)
