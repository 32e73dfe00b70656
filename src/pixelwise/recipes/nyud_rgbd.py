"""FCN-32s on NYUDv2 from colours and depth as a fourth channel (early fusion).

Paper: Long et al. 2015, table 4; pixel accuracy 61.5, mean accuracy 42.4, mean IoU 30.5, f.w. IoU 45.5 on the
654 test pictures, 40 classes.
Command: pixelwise train nyud_rgbd --set data=nyud:NYUDv2
Training: as nyud_rgb. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import nyud_rgb

RECIPE = dataclasses.replace(nyud_rgb.RECIPE, name="nyud_rgbd", inputs=("image", "depth"))
