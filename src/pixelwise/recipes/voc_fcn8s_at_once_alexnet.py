"""FCN-8s on PASCAL VOC from AlexNet in one stage, with poolings scaled before they are scored.

Paper: the release that accompanies Long et al. 2015 has such a net for VGG16 alone; there is no figure to
meet.
Command: pixelwise train voc_fcn8s_at_once_alexnet --set data=sbd:SBD --set val_data=voc:VOC2012
Training: as voc_fcn32s_alexnet. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_alexnet

RECIPE = dataclasses.replace(
    voc_fcn32s_alexnet.RECIPE, name="voc_fcn8s_at_once_alexnet", net="fcn8s-at-once-alexnet"
)
