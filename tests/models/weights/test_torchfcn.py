"""torchfcn's nets and ours are the same (golden/make_torchfcn.py)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torchfcn_cases import CLASSES, FILTERS, NETS, fill, image, scores_of
from torchfcn_weights import load_torchfcn

from pixelwise.core.errors import ModelError
from pixelwise.models.nets.fcn import FCN, fcn

GOLDEN = Path(__file__).parents[2] / "golden" / "torchfcn.npz"


def ours(name: str) -> FCN:
    net = fcn("vgg16", int(name[3:].split("s")[0]), CLASSES, at_once="once" in name, filters=FILTERS)
    assert isinstance(net, FCN)
    return net.eval()


def theirs(name: str) -> dict[str, torch.Tensor]:
    """The state dict of torchfcn's net, whose layers are called as ours."""
    tensors = {}
    for key, tensor in ours(name).state_dict().items():
        if key.startswith("upscore"):
            dense = torch.zeros(CLASSES, CLASSES, *tensor.shape[2:])
            dense[range(CLASSES), range(CLASSES)] = tensor[:, 0]
            tensors[key] = dense
        elif key not in ("mean", "std"):
            tensors[key.removeprefix("backbone.")] = tensor
    return fill(tensors)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NETS))
def test_scores_are_torchfcns(name: str) -> None:
    net = ours(name)
    load_torchfcn(net, theirs(name))
    found = scores_of(net, image()).numpy()
    expected = np.load(GOLDEN)[name]
    assert expected.std() > 5
    assert np.abs(found - expected).max() < 1e-3


def test_weights_of_another_of_its_nets_are_named() -> None:
    with pytest.raises(ModelError, match=r"dropped: upscore\.weight; left: .*score_pool4"):
        load_torchfcn(ours("fcn16s"), theirs("fcn32s"))


def test_an_upsampling_that_mixes_classes_is_refused(tmp_path: Path) -> None:
    tensors = theirs("fcn32s")
    tensors["upscore.weight"][0, 1, 0, 0] = 1
    torch.save(tensors, tmp_path / "mixing.pth")
    with pytest.raises(ModelError, match=r"upscore\.weight mixes classes"):
        load_torchfcn(ours("fcn32s"), tmp_path / "mixing.pth")
