"""DeepLab-MSc on PASCAL VOC: branches for finer features beside a net that learns no more.

Paper: Chen et al. 2015, section 4.1; mean IoU 61.30 on VOC2012 val, 65.21 with the CRF.
Command: pixelwise train voc_deeplab_msc_base --set data=voc:VOC2012,sbd=SBD
Starts from the best net of runs/voc_deeplab_base; only what is new learns. Training: as there.
Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_deeplab_base

RECIPE = dataclasses.replace(
    voc_deeplab_base.RECIPE,
    name="voc_deeplab_msc_base",
    net="deeplab-msc-base",
    backbone_weights="none",
    init_from="runs/voc_deeplab_base",
)
