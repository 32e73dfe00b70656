"""The papers' nets against the clock: FCN-8s beside torchfcn, one pass against patches, LargeFOV against 7x7.

    python benchmarks/fcn8s.py [--part fcn8s|patches|deeplab] [--pairs 5] [--image FILE]

fcn8s: FCN-8s on VGG16 with the release's padding, 500 x 500 pixels, 21 classes: torchfcn 1.9.7 in eager
float32 under no_grad, as its users run it, and our engines in float32 with the same weights, in turn; on
processors that multiply bfloat16, those too. The scores' agreement is printed. torchfcn installs by `pip
install --no-deps torchfcn==1.9.7`; what it imports besides (fcn, pytz) is stood in for.
patches: section 3.1 of Long et al. 2015. AlexNet made convolutional, once over 500 x 500, against 100
patches of 227 x 227 in one batch and one by one, forward and backward, eager torch; forward also in the
form of our torch engine.
deeplab: a training step of LargeFOV against one of the 7x7 variant, 321 x 321 (paper: 4.84 against 1.44
images a second, 3.36x), both in the form that `pixelwise train` gives nets, and the same for scoring
500 x 500 in our torch engine.

Weights are random, which does not change the speed. Ratios are of the two times of one turn; medians,
lowest and highest are printed.
"""

import argparse
import copy
import importlib.util
import os
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn
from torch.nn import functional as F

from pixelwise.core.classes import Classes
from pixelwise.core.types import RGBImage, Scores
from pixelwise.cpu.inference import for_inference
from pixelwise.cpu.training import for_training
from pixelwise.data.sources.voc import VOC_CLASSES
from pixelwise.exporting.onnx import export_onnx
from pixelwise.inference.engines.engine import Engine
from pixelwise.inference.engines.openvino import OpenVinoEngine
from pixelwise.inference.engines.torch import TorchEngine
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.models.nets.deeplab import deeplab
from pixelwise.models.nets.fcn import FCN, fcn
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.surgery.border_rows import narrow_borders
from pixelwise.models.surgery.fully_convolutional import convolutionalize

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from torchfcn_weights import load_torchfcn

Work = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("fcn8s", "patches", "deeplab"))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--image", type=Path, default=Path(__file__).parent.parent / "examples/chelsea.png")
    options = parser.parse_args()
    torch.manual_seed(0)
    print(
        f"{os.cpu_count()} processors ({torch.backends.cpu.get_cpu_capability()}), torch {torch.__version__} "
        f"with {torch.get_num_threads()} threads, {options.pairs} turns"
    )
    if options.part in (None, "fcn8s"):
        compare_fcn8s(options.pairs, np.array(Image.open(options.image).convert("RGB").resize((500, 500))))
    if options.part in (None, "patches"):
        compare_patches(options.pairs)
    if options.part in (None, "deeplab"):
        compare_deeplab(options.pairs)


def compare_fcn8s(pairs: int, image: RGBImage) -> None:
    theirs = random_weights(torchfcn_net())
    names = {"torch engine": ours(theirs, "float32"), "OpenVINO engine": openvino(theirs, "float32")}
    if multiplies_bfloat16():
        names |= {
            "torch engine, bfloat16": ours(theirs, "bfloat16"),
            "OpenVINO engine, bfloat16": openvino(theirs, "bfloat16"),
        }
    bgr = torch.from_numpy(image[..., ::-1].copy()) - torch.tensor((104.00699, 116.66877, 122.67892))
    pixels = bgr.permute(2, 0, 1)[None].contiguous()

    def peer() -> Scores:
        with torch.no_grad():
            scores: Scores = theirs(pixels)[0].numpy()
        return scores

    works: dict[str, Work] = {"torchfcn, eager float32": peer}
    works |= {name: partial(engine.scores, image) for name, engine in names.items()}
    report("FCN-8s VGG16, 500 x 500", take_turns(works, pairs))
    expected = peer()
    for name, engine in names.items():
        found = engine.scores(image)
        same = float((found.argmax(0) == expected.argmax(0)).mean())
        difference = float(np.abs(found - expected).max() / expected.std())
        print(
            f"  {name}: same class as torchfcn on {same:.4%} of the pixels; scores differ by at most "
            f"{difference:.1e} of their spread"
        )


def torchfcn_net() -> nn.Module:
    """torchfcn's FCN8s; modules that it imports but the net does not use are stood in for."""
    if importlib.util.find_spec("torchfcn") is None:
        raise SystemExit("torchfcn is missing: pip install --no-deps torchfcn==1.9.7")
    for name in ("fcn", "pytz"):
        if importlib.util.find_spec(name) is None:
            sys.modules[name] = types.ModuleType(name)
    import torchfcn

    net: nn.Module = torchfcn.models.FCN8s(n_class=21).eval()
    return net


def random_weights(net: nn.Module) -> nn.Module:
    """He's initialisation, and scores whose spread is that of trained ones."""
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if name.startswith("score"):
                layer.weight.data *= 0.01
    return net


def same_net(theirs: nn.Module) -> SegmentationNet:
    net = fcn("vgg16", 8)
    assert isinstance(net, FCN)
    load_torchfcn(net, theirs.state_dict())
    return net.eval()


def ours(theirs: nn.Module, precision: str) -> Engine:
    return TorchEngine(for_inference(same_net(theirs), precision))


def openvino(theirs: nn.Module, precision: str) -> Engine:
    """The model file that `pixelwise export` writes, in OpenVINO."""
    net = same_net(theirs)
    narrow_borders(net)
    info = ModelInfo("fcn8s", Classes.named(VOC_CLASSES), 500)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fcn8s.onnx"
        export_onnx(net, info, path, half_weights=False)
        return OpenVinoEngine(str(path), precision=precision)


def multiplies_bfloat16() -> bool:
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def compare_patches(pairs: int) -> None:
    classifier = torchvision.models.alexnet(weights=None).eval()
    classifier.features[0].padding = (0, 0)  # this and rounding up as in Caffe: 6 x 6 cells from 227 x 227
    for layer in classifier.modules():
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = True
    net = convolutionalize(classifier, (227, 227)).eval()
    fast = for_inference(copy.deepcopy(net))
    image = torch.randn(1, 3, 500, 500)
    channels_last = image.to(memory_format=torch.channels_last)
    starts = [round(i * (500 - 227) / 9) for i in range(10)]
    patches = torch.cat([image[..., y : y + 227, x : x + 227] for y in starts for x in starts])
    with torch.no_grad():
        cells = net(image).shape[-2:]
    print(f"the convolutional AlexNet gives {cells[0]} x {cells[1]} cells on 500 x 500")

    def passes(over: nn.Module, pictures: list[torch.Tensor], backward: bool) -> None:
        with torch.set_grad_enabled(backward):
            for picture in pictures:
                scores = over(picture)
                if backward:
                    scores.sum().backward()

    one_by_one = [patches[i : i + 1] for i in range(len(patches))]
    for backward in (False, True):
        works: dict[str, Work] = {
            "100 patches, one by one": partial(passes, classifier, one_by_one, backward),
            "100 patches, one batch": partial(passes, classifier, [patches], backward),
            "one convolutional pass": partial(passes, net, [image], backward),
        }
        if not backward:
            works["one pass, torch engine's form"] = partial(passes, fast, [channels_last], backward)
        what = "forward and backward" if backward else "forward"
        times = take_turns(works, pairs)
        report(f"section 3.1, {what} (paper: 25x and more than 5x)", times, list(works)[-1])


def compare_deeplab(pairs: int) -> None:
    nets = {name: deeplab(name) for name in ("7x7", "large_fov")}
    engines = {name: TorchEngine(for_inference(copy.deepcopy(net).eval())) for name, net in nets.items()}
    picture = torch.randint(0, 256, (1, 3, 321, 321), dtype=torch.uint8)
    labels = torch.randint(0, 21, (1, 321, 321))

    def step(net: SegmentationNet) -> None:
        net.zero_grad()
        F.cross_entropy(net(picture), net.sampled(labels)).backward()  # type: ignore[no-untyped-call]

    works: dict[str, Work] = {
        name: partial(step, for_training(net.train(), picture.device)) for name, net in nets.items()
    }
    times = take_turns(works, pairs)
    report("DeepLab, training step of one 321 x 321 image (paper: 3.36x)", times, "large_fov")
    image = np.random.default_rng(0).integers(0, 256, (500, 500, 3), np.uint8)
    works = {name: partial(engine.scores, image) for name, engine in engines.items()}
    report("DeepLab, 500 x 500 in the torch engine", take_turns(works, pairs), "large_fov")


def take_turns(works: dict[str, Work], pairs: int) -> dict[str, list[float]]:
    """Seconds of each, in turn; the first turn warms up and is not counted."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(pairs + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if turn > 0:
                times[name].append(time.perf_counter() - start)
    return times


def report(title: str, times: dict[str, list[float]], best: str | None = None) -> None:
    """Medians with the spread, and ratios: how much faster each is than the first, or `best` than each."""
    print(title)
    first = next(iter(times.values()))
    for name, seconds in times.items():
        low, high = 1e3 * min(seconds), 1e3 * max(seconds)
        line = f"  {name:28}{1e3 * statistics.median(seconds):8.0f} ms  ({low:.0f} to {high:.0f})"
        slow, fast = (first, seconds) if best is None else (seconds, times[best])
        if slow is not fast:
            ratios = [theirs / own for theirs, own in zip(slow, fast, strict=True)]
            line += f"  {'' if best is None else f'{best}: '}{statistics.median(ratios):.2f}x as fast"
            line += f" ({min(ratios):.2f} to {max(ratios):.2f})"
        print(line, flush=True)


if __name__ == "__main__":
    main()
