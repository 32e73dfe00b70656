"""DeepLab-MSc-LargeFOV on PASCAL VOC: branches for finer features beside a net that learns no more.

Paper: Chen et al. 2015, section 4.1; mean IoU 64.21 on VOC2012 val, 68.70 with the CRF.
Command: pixelwise train voc_deeplab_msc_large_fov --set data=voc:VOC2012,sbd=SBD
Starts from the best net of runs/voc_deeplab_large_fov; only what is new learns. Training: as there.
Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_deeplab_large_fov

RECIPE = dataclasses.replace(
    voc_deeplab_large_fov.RECIPE,
    name="voc_deeplab_msc_large_fov",
    net="deeplab-msc-large-fov",
    backbone_weights="none",
    init_from="runs/voc_deeplab_large_fov",
)
