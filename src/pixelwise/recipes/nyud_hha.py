"""FCN-32s on NYUDv2 from HHA: disparity, height above ground, angle with gravity.

Paper: Long et al. 2015, table 4; pixel accuracy 57.1, mean accuracy 35.2, mean IoU 24.2, f.w. IoU 40.4 on the
654 test pictures, 40 classes.
Command: pixelwise train nyud_hha --set data=nyud:NYUDv2
Training: as nyud_rgb. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import nyud_rgb

RECIPE = dataclasses.replace(nyud_rgb.RECIPE, name="nyud_hha", inputs=("hha",))
