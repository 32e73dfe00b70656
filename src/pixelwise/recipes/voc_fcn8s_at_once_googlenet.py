"""FCN-8s on PASCAL VOC from GoogLeNet in one stage, with poolings scaled before they are scored.

Paper: the release that accompanies Long et al. 2015 has such a net for VGG16 alone; there is no figure to
meet.
Command: pixelwise train voc_fcn8s_at_once_googlenet --set data=sbd:SBD --set val_data=voc:VOC2012
Training: as voc_fcn32s_googlenet. Result: not yet run.
"""

import dataclasses

from pixelwise.recipes import voc_fcn32s_googlenet

RECIPE = dataclasses.replace(
    voc_fcn32s_googlenet.RECIPE, name="voc_fcn8s_at_once_googlenet", net="fcn8s-at-once-googlenet"
)
