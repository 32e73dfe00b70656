"""A ResNet-50 of half the width as a backbone, with the weights of open_nsfw.

    python experiments/resnet_half.py NET.caffemodel resnet_half.safetensors

NET.caffemodel is resnet_50_1by2_nsfw.caffemodel in the package nsfw 0.3.2 (MIT; its weights are Yahoo's
open_nsfw, BSD 2-clause): learnt on ImageNet, then further to tell which pictures are fit to be seen at work.
As in Caffe's ResNets a block halves the map in its first convolution. Here the pooling after the stem pads by
1, as timm has it, where Caffe cuts at the other end, so cells lie 2 pixels further up and left.
Importing this module registers the backbone `resnet50_half`, for RGB from 0 to 255 minus a mean.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.resnet import Bottleneck, ResNet

from pixelwise.models.weights.caffemodel import read_caffemodel

BLOCKS = (3, 4, 6, 3)
MEAN = (123.0, 117.0, 104.0)
"""Red, green, blue."""
default_cfgs = generate_default_cfgs(
    {
        "resnet50_half": {
            "url": "",
            "input_size": (3, 224, 224),
            "mean": tuple(mean / 255 for mean in MEAN),
            "std": (1 / 255,) * 3,
            "first_conv": "conv1",
            "classifier": "fc",
        }
    }
)


class HalvingFirst(Bottleneck):  # type: ignore[misc]
    """A block whose first convolution has the stride."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conv1.stride, self.conv2.stride = self.conv2.stride, self.conv1.stride


@register_model  # type: ignore[untyped-decorator]
def resnet50_half(pretrained: bool = False, **options: Any) -> Any:
    """ResNet-50 with half of its channels, but for the stem."""
    return build_model_with_cfg(
        ResNet,
        "resnet50_half",
        pretrained,
        block=HalvingFirst,
        layers=BLOCKS,
        channels=(32, 64, 128, 256),
        **options,
    )


def tensors_of(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The file's tensors by timm's names, for pictures in RGB. A classifier of 1,000 zeros is added."""
    blobs = {layer.name: layer.blobs for layer in read_caffemodel(path).layers}
    found: dict[str, npt.NDArray[np.float32]] = {}

    def take(theirs: str, convolution: str, norm: str) -> None:
        weight, bias = blobs[f"conv_{theirs}"]
        mean, variance, count = blobs[f"bn_{theirs}"]
        scale, shift = blobs[f"scale_{theirs}"]
        found[f"{convolution}.weight"] = weight[:, ::-1] if theirs == "1" else weight
        found[f"{norm}.weight"], found[f"{norm}.bias"] = scale, shift
        found[f"{norm}.running_mean"] = mean / count[0] - bias
        found[f"{norm}.running_var"] = variance / count[0]

    take("1", "conv1", "bn1")
    for stage, blocks in enumerate(BLOCKS):
        for block in range(blocks):
            theirs, ours = f"stage{stage}_block{block}", f"layer{stage + 1}.{block}"
            if block == 0:
                take(f"{theirs}_proj_shortcut", f"{ours}.downsample.0", f"{ours}.downsample.1")
            for branch, letter in enumerate("abc", start=1):
                take(f"{theirs}_branch2{letter}", f"{ours}.conv{branch}", f"{ours}.bn{branch}")
    found["fc.weight"], found["fc.bias"] = np.zeros((1000, 1024), np.float32), np.zeros(1000, np.float32)
    return {name: np.ascontiguousarray(values, np.float32) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("net", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    tensors = tensors_of(options.net)
    save_file(tensors, options.output)
    print(f"{options.output}: {sum(tensor.size for tensor in tensors.values()):,} numbers")


if __name__ == "__main__":
    main()
