"""FCN-32s on NYUDv2 from colours and HHA in two streams (late fusion).

Paper: Long et al. 2015, table 4; pixel accuracy 64.3, mean accuracy 44.9, mean IoU 32.8, f.w. IoU 48.0 on the
654 test pictures, 40 classes.
Command: pixelwise train nyud_rgb_hha --set data=nyud:NYUDv2
Training: as nyud_rgb, the mean of both streams' scores as in the release (the paper speaks of their sum).
Departure: both streams start from VGG16; the release's start from its nets of colours and of HHA, at a
hundredth of the rate. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import nyud_rgb

RECIPE = dataclasses.replace(nyud_rgb.RECIPE, name="nyud_rgb_hha", inputs=("image", "hha"))
