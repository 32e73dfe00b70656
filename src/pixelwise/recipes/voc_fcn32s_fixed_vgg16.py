"""FCN-32s on PASCAL VOC from VGG16, of which only the last layer learns.

Paper: Long et al. 2015, table 2, "FCN-32s-fixed"; pixel accuracy 83.0, mean accuracy 59.7, mean IoU 45.4,
f.w. IoU 72.0 on seg11valid.
Command: pixelwise train voc_fcn32s_fixed_vgg16 --set data=sbd:SBD --set val_data=voc:VOC2012
Training: as voc_fcn32s_vgg16. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_vgg16

RECIPE = dataclasses.replace(voc_fcn32s_vgg16.RECIPE, name="voc_fcn32s_fixed_vgg16", net="fcn32s-fixed-vgg16")
