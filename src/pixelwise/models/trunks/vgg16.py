"""The convolutional part of VGG16 and VGG19 (Simonyan and Zisserman 2014), layers named as in Caffe."""

from collections.abc import Sequence

from torch import nn

from pixelwise.models.trunks.trunk import Trunk, he_conv

DEPTHS, VGG19_DEPTHS = (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)
WIDTHS = (64, 128, 256, 512, 512)


def vgg16_trunk(
    taps: Sequence[str] = ("pool5",),
    in_channels: int = 3,
    first_padding: int = 1,
    widths: Sequence[int] = WIDTHS,
    pool_kernel: int = 2,
    output_stride: int = 32,
    exact_pools: bool = False,
    depths: Sequence[int] = DEPTHS,
    last_pool_stride: int = 2,
) -> Trunk:
    """conv1_1 to pool5.

    `first_padding` is that of conv1_1, 100 in FCN's release. `pool_kernel` is 2, rounded up at the border as
    in Caffe, or 3 with padding 1 as in DeepLab-LargeFOV. With an `output_stride` of 8 or 16 the last poolings
    keep the size (stride 1), and convolutions behind the first of these are atrous: DeepLab v1, section 3.1.
    Such poolings are 3x3 without holes, as in DeepLab's release; `exact_pools` have the kernel of the others
    and holes as the convolutions, so that no cell of the net of stride 32 changes. `last_pool_stride` 1
    leaves pool5 its 2x2 windows but not its subsampling, as FCN's section 4.2 tries.
    """
    layers: list[tuple[str, nn.Module]] = []
    stride, rate = 1, 1
    channels, padding = in_channels, first_padding
    for block, (depth, width) in enumerate(zip(depths, widths, strict=True), start=1):
        for index in range(1, depth + 1):
            conv = he_conv(channels, width, 3, padding=padding * rate, dilation=rate)
            layers += [(f"conv{block}_{index}", conv), (f"relu{block}_{index}", nn.ReLU(inplace=True))]
            channels, padding = width, 1
        if block == len(depths) and last_pool_stride == 1:
            # At the end for the last window, in front so that fc6's first cell lies before the image.
            layers.append((f"pad{block}", nn.ZeroPad2d((1, 1, 1, 1))))
            pool = nn.MaxPool2d(2, 1)
        elif stride < output_stride:
            pool = nn.MaxPool2d(2, 2, ceil_mode=True) if pool_kernel == 2 else nn.MaxPool2d(3, 2, 1)
            stride *= 2
        elif exact_pools:
            before = rate if pool_kernel == 3 else 0
            # Behind a ReLU zeros never are the largest, so they pad as Caffe's rounding up does.
            layers.append((f"pad{block}", nn.ZeroPad2d((before, rate, before, rate))))
            pool = nn.MaxPool2d(pool_kernel, 1, dilation=rate)
            rate *= 2
        else:
            pool = nn.MaxPool2d(3, 1, 1)
            rate *= 2
        layers.append((f"pool{block}", pool))
    return Trunk(layers, taps)
