"""Training, images a second, beside torchvision's reference segmentation loop; and the data pipeline alone.

    python benchmarks/train.py [--net large_fov|fcn8s|lite0|voc] [--crop 321] [--pairs 3] [--steps 2]

Both train the same net, with the same stages frozen and the statistics of batch normalisations fixed, on the
same crops with the same loss and the optimizer of our recipe. Theirs is written as references/segmentation
of torchvision has it: float images, batches padded to one size, the net in eager float32 and torch's own
memory order, a step of the schedule after each batch. Ours does what `pixelwise train` does on the CPU:
uint8 images, channels_last, the net in its form for training, the running mean of the weights, in float32
and, where the processor has it, in bfloat16 as well. They take turns, `--steps` steps each, every one in a
process of its own; ratios are of the two times of one turn.
Then the data alone: crops a second that one worker reads, varies and hands over, VOC-size JPEG files.

Pictures are generated if no data set is named; weights are random. Neither changes the speed.
"""

import argparse
import contextlib
import dataclasses
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from pixelwise.core.threads import spin_briefly
from pixelwise.core.types import VOID
from pixelwise.cpu.training import for_training
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.data.transforms import Augmentation, augment
from pixelwise.recipes import camvid, voc
from pixelwise.training.losses.cross_entropy import cross_entropy
from pixelwise.training.optimizer import RunningMean, make_optimizer, schedule, set_rates
from pixelwise.training.recipe import Recipe
from pixelwise.training.sampling.batches import augmentation
from pixelwise.training.setup.recipe_net import build_net

Pair = tuple[torch.Tensor, torch.Tensor]
Maker = Callable[[Recipe, "Crops"], Callable[[], None]]
RECIPES = {
    "large_fov": camvid.LARGE_FOV_1,
    "fcn8s": camvid.FCN8S,
    "lite0": dataclasses.replace(voc.RECIPE, backbone="efficientnet_lite0"),
    "voc": voc.RECIPE,
}
CLASSES = 21


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", choices=RECIPES)
    parser.add_argument("--crop", type=int, default=321)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2, help="of each contestant in each turn")
    parser.add_argument(
        "--data", help="a labelled data set as `pixelwise train` names it; default: generated"
    )
    options = parser.parse_args()
    print(
        f"{os.cpu_count()} processors ({torch.backends.cpu.get_cpu_capability()}), torch {torch.__version__} "
        f"with {torch.get_num_threads()} threads, {options.pairs} turns of {options.steps} steps"
    )
    with tempfile.TemporaryDirectory() as scratch:
        images = open_dataset(options.data or generated(Path(scratch)), "train")
        for name in [options.net] if options.net else RECIPES:
            recipe = dataclasses.replace(
                RECIPES[name], crop=options.crop, backbone_weights="none", init_from=None, steps=10**6
            )
            compare(name, recipe, images, options.pairs, options.steps)
        pipeline(Crops(images, augmentation(voc.RECIPE)), options.pairs)


def compare(name: str, recipe: Recipe, images: LabelledImages, pairs: int, steps: int) -> None:
    crops = Crops(images, augmentation(recipe))
    contestants = {"ours": Contestant(ours, recipe, crops), "theirs": Contestant(theirs, recipe, crops)}
    if torch.cpu._is_avx512_bf16_supported():
        half = dataclasses.replace(recipe, precision="bfloat16")
        contestants["bfloat16"] = Contestant(ours, half, crops)
    seconds: dict[str, list[float]] = {who: [] for who in contestants}
    for turn in range(pairs + 1):
        for who, contestant in contestants.items():
            spent = contestant.spent_on(steps if turn > 0 else 1)
            if turn > 0:  # the first turn warms up
                seconds[who].append(spent)
    for contestant in contestants.values():
        contestant.close()
    print(f"{name}: crops of {recipe.crop}, batches of {recipe.batch_size}")
    for who, times in seconds.items():
        rates = [steps * recipe.batch_size / t for t in times]
        print(f"  {who:8} {spread(rates)} images/s")
    for who, times in seconds.items():
        if who != "theirs":
            ratios = [b / a for a, b in zip(times, seconds["theirs"], strict=True)]
            print(f"  {who} is {spread(ratios)} times as fast as theirs", flush=True)
    if "bfloat16" in seconds:
        ratios = [b / a for a, b in zip(seconds["bfloat16"], seconds["ours"], strict=True)]
        print(f"  bfloat16 is {spread(ratios)} times as fast as ours in float32", flush=True)


class Contestant:
    """A process of its own that trains on request."""

    def __init__(self, maker: Maker, recipe: Recipe, crops: "Crops") -> None:
        spin = os.environ.pop("GOMP_SPINCOUNT", None)
        if maker is not theirs:
            spin_briefly()
        self.line, other = multiprocessing.Pipe()
        arguments = other, maker, recipe, crops
        self.process = multiprocessing.get_context("spawn").Process(target=obey, args=arguments, daemon=True)
        self.process.start()
        other.close()
        os.environ.pop("GOMP_SPINCOUNT", None)
        if spin is not None:
            os.environ["GOMP_SPINCOUNT"] = spin

    def spent_on(self, steps: int) -> float:
        """Seconds. Raises EOFError if the process has failed, which it explains on stderr."""
        self.line.send(steps)
        seconds: float = self.line.recv()
        return seconds

    def close(self) -> None:
        self.line.close()
        self.process.join()


def obey(line: Connection, maker: Maker, recipe: Recipe, crops: "Crops") -> None:
    torch.manual_seed(0)
    step = maker(recipe, crops)
    with contextlib.suppress(EOFError):
        while True:
            steps = line.recv()
            start = time.perf_counter()
            for _ in range(steps):
                step()
            line.send(time.perf_counter() - start)


def pipeline(crops: "Crops", pairs: int) -> None:
    """Crops a second of one worker, nobody else at work."""
    rates = []
    for _ in range(pairs):
        batches = iter(DataLoader(crops, 8, num_workers=1))
        next(batches)  # the worker has started
        start = time.perf_counter()
        count = sum(len(labels) for _, labels in batches)
        rates.append(count / (time.perf_counter() - start))
    print(f"data alone, one worker, crops of {crops.settings.crop}: {spread(rates, 0)} images/s")


def spread(values: list[float], digits: int = 2) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


class Crops(Dataset[Pair]):
    """Varied crops of the pictures, image (3, crop, crop) and labels (crop, crop), uint8."""

    def __init__(self, images: LabelledImages, settings: Augmentation) -> None:
        self.images, self.settings = images, settings

    def __len__(self) -> int:
        return 160

    def __getitem__(self, index: int) -> Pair:
        rng = np.random.default_rng([0, index])
        crop = augment(self.images.read(index % len(self.images)), self.settings, rng)
        return crop.image, crop.labels


def ours(recipe: Recipe, crops: Crops) -> Callable[[], None]:
    net = for_training(build_net(recipe, len(crops.images.classes)), torch.device("cpu")).train()
    optimizer, mean = make_optimizer(net, recipe), RunningMean(net, recipe.ema)
    batches = endless(DataLoader(crops, recipe.batch_size, shuffle=True))

    def step() -> None:
        images, labels = next(batches)
        set_rates(optimizer, schedule(0, recipe))
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            scores = net(images.contiguous(memory_format=torch.channels_last)).float()
        loss = cross_entropy(scores, net.sampled(labels))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        mean.update(net, 0)
        check(loss.item())

    return step


def theirs(recipe: Recipe, crops: Crops) -> Callable[[], None]:
    net = build_net(dataclasses.replace(recipe, batch_norm="train"), len(crops.images.classes))
    net = net.to(memory_format=torch.contiguous_format).train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    optimizer = make_optimizer(net, recipe)
    set_rates(optimizer, schedule(0, recipe))
    scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, recipe.steps, recipe.power)
    batches = endless(
        DataLoader(FloatCrops(crops.images, crops.settings), recipe.batch_size, True, collate_fn=padded)
    )

    def step() -> None:
        image, target = next(batches)
        output = net(image)
        loss = F.cross_entropy(output, net.sampled(target), ignore_index=VOID)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scheduler.step()
        check(loss.item())

    return step


class FloatCrops(Crops):
    """As torchvision's presets give them: images float, labels int64."""

    def __getitem__(self, index: int) -> Pair:
        image, labels = super().__getitem__(index)
        return image.float(), labels.long()


def padded(samples: list[Pair]) -> Pair:
    """Samples copied into tensors of the largest size among them; what is left is 0, or void."""
    images, labels = zip(*samples, strict=True)
    height, width = (max(label.shape[axis] for label in labels) for axis in (0, 1))
    image_batch = torch.zeros(len(images), 3, height, width)
    label_batch = torch.full((len(labels), height, width), VOID)
    for index, (image, label) in enumerate(samples):
        image_batch[index, :, : image.shape[1], : image.shape[2]] = image
        label_batch[index, : label.shape[0], : label.shape[1]] = label
    return image_batch, label_batch


def endless(loader: DataLoader[Pair]) -> Iterator[Pair]:
    while True:
        yield from loader


def check(loss: float) -> None:
    if not np.isfinite(loss):
        raise RuntimeError(f"the loss is {loss}; figures of a net gone astray mean nothing")


def generated(place: Path) -> str:
    """A folder of 32 photo-like pictures of 500 x 375 pixels with labels, as a data set's name."""
    rng = np.random.default_rng(0)
    for part in ("images", "labels"):
        (place / "train" / part).mkdir(parents=True)
    for index in range(32):
        picture = np.zeros((375, 500, 3))
        for cells in (4, 16, 64, 500):  # structure of every size, so that the file is as large as a photo's
            noise = Image.fromarray(rng.integers(0, 256, (cells * 3 // 4, cells, 3), np.uint8))
            picture += np.asarray(noise.resize((500, 375), Image.Resampling.BICUBIC), float) / cells**0.5
        picture *= 255 / picture.max()
        Image.fromarray(picture.astype(np.uint8)).save(place / f"train/images/{index:02}.jpg", quality=90)
        ids = Image.fromarray(rng.integers(0, CLASSES, (8, 10), np.uint8))
        ids.resize((500, 375), Image.Resampling.NEAREST).save(place / f"train/labels/{index:02}.png")
    (place / "classes.txt").write_text("".join(f"class {i}\n" for i in range(CLASSES)))
    return f"folder:{place}"


if __name__ == "__main__":
    main()
