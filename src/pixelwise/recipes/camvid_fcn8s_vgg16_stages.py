"""FCN-8s on CamVid from the convolutions of VGG16, all three stages: 32s, 16s, 8s.

Paper: Long et al. 2015, section 4.2. Test mean IoU 57.0 on CamVid in Jegou et al. 2017, table 1.
Command: pixelwise train camvid_fcn8s_vgg16_stages --set data=camvid:PATH
Each stage starts from the best net of the one before.
Cost: 0.74 hours on two x86-64 cores with AVX2, other work beside, evaluations included; 8.3 GB.
Result, 2026-11-22, seed 0: mean IoU 30.65, 31.49, 58.04 on val after the three stages; see their recipes.
"""

from pixelwise.recipes import camvid_fcn8s_vgg16, camvid_fcn16s_vgg16, camvid_fcn32s_vgg16
from pixelwise.training.chain import Chain

RECIPE = Chain(
    "camvid_fcn8s_vgg16_stages",
    (camvid_fcn32s_vgg16.RECIPE, camvid_fcn16s_vgg16.RECIPE, camvid_fcn8s_vgg16.RECIPE),
)
