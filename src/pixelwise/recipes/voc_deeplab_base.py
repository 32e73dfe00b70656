"""DeepLab on PASCAL VOC from VGG16.

Paper: Chen et al. 2015, section 4.1; mean IoU 59.80 on VOC2012 val, 63.74 with the CRF.
Command: pixelwise train voc_deeplab_base --set data=voc:VOC2012,sbd=SBD
Training: as voc_deeplab_large_fov, on crops of 306. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_deeplab_large_fov

RECIPE = dataclasses.replace(
    voc_deeplab_large_fov.RECIPE, name="voc_deeplab_base", net="deeplab-base", crop=306
)
