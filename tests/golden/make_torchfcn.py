"""Writes torchfcn.npz: scores of torchfcn's nets, which the tests compare with ours.

Made with torchfcn 1.9.7, which installs with `pip install --no-deps torchfcn`:
    python tests/golden/make_torchfcn.py
Only its nets are imported, past a stand-in for the package fcn, which they need for downloads alone. fc6 and
fc7 get fewer filters, to keep it quick; `--whole` compares nets of full size with ours and writes nothing.
"""

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))
from torchfcn_cases import CLASSES, FILTERS, NETS, fill, image, scores_of  # noqa: E402
from torchfcn_weights import load_torchfcn  # noqa: E402


def torchfcn_models() -> Any:
    spec = importlib.util.find_spec("torchfcn")
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit("torchfcn is not installed: pip install --no-deps torchfcn")
    package = types.ModuleType("torchfcn")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["torchfcn"], sys.modules["fcn"] = package, types.ModuleType("fcn")
    return importlib.import_module("torchfcn.models")


def main() -> None:
    from pixelwise.models.nets.fcn import FCN, fcn
    from pixelwise.models.nets.segmentation_net import CAFFE_MEAN

    models, whole = torchfcn_models(), "--whole" in sys.argv
    # What torchfcn's nets take: BGR minus the mean.
    pixels = (image().float() - torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1)).flip(1)
    golden = {}
    for name, class_name in NETS.items():
        theirs = getattr(models, class_name)(n_class=CLASSES)
        filters = 4096 if whole else FILTERS
        if not whole:
            theirs.fc6, theirs.fc7 = nn.Conv2d(512, filters, 7), nn.Conv2d(filters, filters, 1)
            theirs.score_fr = nn.Conv2d(filters, CLASSES, 1)
        tensors = fill(theirs.state_dict())
        expected = scores_of(theirs, pixels)
        golden[name] = expected.numpy()
        stride = int(name[3:].split("s")[0])
        ours = fcn("vgg16", stride, CLASSES, at_once="once" in name, filters=filters)
        assert isinstance(ours, FCN)
        load_torchfcn(ours, tensors)
        difference = (scores_of(ours, image()) - expected).abs().max()
        print(f"{name}: largest difference {difference:.1e}, scores' deviation {expected.std():.2f}")
    if not whole:
        np.savez_compressed(HERE / "torchfcn.npz", origin="torchfcn 1.9.7, x86-64", **golden)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
