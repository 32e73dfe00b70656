"""DeepLab-7x7 on PASCAL VOC from VGG16.

Paper: Chen et al. 2015, section 4.1; mean IoU 64.38 on VOC2012 val, 67.64 with the CRF.
Command: pixelwise train voc_deeplab_7x7 --set data=voc:VOC2012,sbd=SBD
Training: as voc_deeplab_large_fov, on crops of 306. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_deeplab_large_fov

RECIPE = dataclasses.replace(
    voc_deeplab_large_fov.RECIPE, name="voc_deeplab_7x7", net="deeplab-7x7", crop=306
)
