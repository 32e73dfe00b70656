"""Images a second, from file to saved mask: the bundled model beside torchvision's mobile nets.

    python benchmarks/segment.py [FOLDER] [--images 20] [--pairs 5]
    python benchmarks/segment.py --clip [--frames 100]
    python benchmarks/segment.py --tiles [--pairs 5]

Ours is what `pixelwise segment FOLDER --save mask` runs. The peers run as their documentation shows: PIL,
the weights' own preset (shorter side 520), eager float32, one image at a time, scores resized to the image,
argmax, mask saved. So of the four photos they score 1.7 to 3.8 times as many pixels as `default`, whose long
side is 400. Their weights are random here, which does not change their speed. Contestants take turns on the
same images, with as many threads each; ratios are of the two times of one turn. int8 is what
`--precision int8` runs. After that segment_parts.py measures where the time of ours goes.

--clip: frames a second of a video of 1280x720, which is made from a photo of the folder: what
`pixelwise segment clip.mp4 --save KINDS` runs, from the file to masks or the overlaid video. One run each.

`--tiles` compares one picture of 4000x3000, put together from the folder's, in tiles of 800 pixels: beside a
plain loop over overlapping windows of that side, each of which torchvision's preset makes the net's size.
"""

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import segment_parts
import torch
from PIL import Image
from torchvision.models import segmentation
from torchvision.transforms._presets import SemanticSegmentation

from pixelwise import load, segment_folder
from pixelwise.core.threads import processors
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segment_files import run
from pixelwise.inference.sources.tasks import plan

PEERS = ("lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large")
ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
MEASURED = [
    *(EXAMPLES / name for name in ("astronaut.png", "camera.png", "chelsea.png")),
    ROOT / "tests/photos/grace_hopper.jpg",
]
"""Always the same, so that figures of one version compare with those of another."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, default=EXAMPLES, help="default: four photos of this project"
    )
    parser.add_argument(
        "--images", type=int, default=20, help="how many of the folder, repeated if it has fewer"
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--clip", action="store_true", help="a video of 720p instead of images")
    parser.add_argument("--frames", type=int, default=100, help="how many the video has")
    parser.add_argument("--tiles", action="store_true", help="a picture of 4000x3000 in tiles")
    options = parser.parse_args()
    torch.set_num_threads(processors())  # as many as ours, whatever OMP_NUM_THREADS says
    if options.clip:
        clip(options.folder, options.frames)
        return
    found = sorted(p for p in options.folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if options.folder.resolve() == EXAMPLES.resolve():
        found = MEASURED
    sources = [found[i % len(found)] for i in range(options.images)]

    if options.tiles:
        in_tiles(found, options.pairs)
        return
    predictor = load("default", threads=1)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        images = [place / f"{index:04}{path.suffix}" for index, path in enumerate(sources)]
        for link, path in zip(images, sources, strict=True):
            link.symlink_to(path.resolve())
        contestants = {
            "pixelwise": ours(predictor, images, place / "float32"),
            "pixelwise in int8": ours(load("default", 1, precision="int8"), images, place / "int8"),
            **{name: peer(name, images, place) for name in PEERS},
        }
        times: dict[str, list[float]] = {name: [] for name in contestants}
        for turn in range(options.pairs + 1):
            for name, contestant in contestants.items():
                start = time.perf_counter()
                contestant()
                if turn > 0:  # the first turn warms up
                    times[name].append(time.perf_counter() - start)

    print(
        f"{len(images)} images from {options.folder.name}, {options.pairs} turns, "
        f"{processors()} processors, {type(predictor.engine).__name__}, "
        f"torch {torch.__version__} with {torch.get_num_threads()} threads"
    )
    for name, seconds in times.items():
        rates = sorted(len(images) / s for s in seconds)
        print(
            f"{name:30} {statistics.median(rates):6.1f} images/s  ({rates[0]:.1f} to {rates[-1]:.1f})", end=""
        )
        for mine in ("pixelwise", "pixelwise in int8") if name in PEERS else ():
            ratios = sorted(theirs / own for theirs, own in zip(seconds, times[mine], strict=True))
            print(
                f"  {mine}: {statistics.median(ratios):.1f}x as fast ({ratios[0]:.1f} to {ratios[-1]:.1f})",
                end="",
            )
        print()
    ratios = sorted(
        plain / int8 for plain, int8 in zip(times["pixelwise"], times["pixelwise in int8"], strict=True)
    )
    print(
        f"int8 is {statistics.median(ratios):.2f}x as fast as float32 ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
    parts(found)


def parts(found: list[Path]) -> None:
    """Print the CPU time of a picture by part."""
    for precision in ("float32", "int8"):
        predictor = load("default", 1, precision=precision)
        if not segment_parts.runs_in_openvino(predictor):
            print("the time by part is measured in OpenVINO only")
            return
        with tempfile.TemporaryDirectory() as scratch:
            whole = ours(predictor, found, Path(scratch), workers=1)
            print(f"CPU time of a picture of {len(found)} in {precision}, one thread")
            print(
                segment_parts.measured(predictor, found, whole).table(segment_parts.peak(precision == "int8"))
            )


def clip(folder: Path, frames: int) -> None:
    """Print how many frames of a video are segmented a second, for several ways to do it."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "clip.mp4"
        make_clip(
            path, next(p for p in sorted(folder.iterdir()) if p.suffix.lower() in (".jpg", ".png")), frames
        )
        predictor = load("default", threads=1)
        for save, smooth in (("mask", None), ("overlay", None), ("mask", "mean"), ("mask", "crf")):
            output = Path(scratch) / f"{save}_{smooth}"
            start = time.perf_counter()
            done = segment_folder(path, output, predictor, [save], smooth=smooth)
            seconds = time.perf_counter() - start
            if done.failed or done.outcomes[0].frames != frames:
                raise RuntimeError(f"the clip failed: {done.outcomes[0].problem}")
            how = save if smooth is None else f"{save}, smoothed: {smooth}"
            print(f"{how:30} {frames / seconds:6.1f} frames/s of 1280x720")


def make_clip(path: Path, photo: Path, frames: int) -> None:
    """Write a video of 1280x720 in which a camera moves over a photo."""
    import av

    whole = Image.open(photo).convert("RGB")
    height = whole.width * 9 / 16
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for index in range(frames):
            top = (whole.height - height) * index / max(1, frames - 1)
            box = (0, top, whole.width, top + height)
            view = whole.resize((1280, 720), Image.Resampling.BICUBIC, box)
            out.mux(stream.encode(av.VideoFrame.from_image(view)))
        out.mux(stream.encode())


def in_tiles(found: list[Path], pairs: int, side: int = 800) -> None:
    """Print the seconds for a picture of 4000x3000 in tiles, ours and with a plain loop, and their ratios."""
    whole = Image.new("RGB", (4000, 3000))
    for index, (top, left) in enumerate(
        (top, left) for top in range(0, 3000, 500) for left in range(0, 4000, 500)
    ):
        whole.paste(Image.open(found[index % len(found)]).convert("RGB").resize((500, 500)), (left, top))
    net = segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21).eval()
    with tempfile.TemporaryDirectory() as scratch:
        picture, mask = Path(scratch) / "large.jpg", Path(scratch) / "mask.png"
        whole.save(picture, quality=92)
        predictors = {
            "ours": load("default", tiles=side),
            "ours in int8": load("default", tiles=side, precision="int8"),
        }
        seconds: dict[str, list[float]] = {name: [] for name in (*predictors, "the loop")}
        for turn in range(pairs + 1):  # the first warms up
            for name, spent in seconds.items():
                start = time.perf_counter()
                if name in predictors:
                    predictors[name](picture).mask().save(mask)
                else:
                    sliding(net, picture, side).save(mask)
                if turn > 0:
                    spent.append(time.perf_counter() - start)
    middle = statistics.median(seconds["the loop"])
    print(f"4000x3000 in tiles of {side}; a loop over {PEERS[0]}: {middle:.1f} s")
    for name in predictors:
        ratios = sorted(theirs / own for own, theirs in zip(seconds[name], seconds["the loop"], strict=True))
        print(
            f"{name}: {statistics.median(seconds[name]):.1f} s, {statistics.median(ratios):.1f}x as fast "
            f"({ratios[0]:.1f} to {ratios[-1]:.1f})"
        )


def sliding(net: torch.nn.Module, picture: Path, side: int) -> Image.Image:
    """The mask of a picture by overlapping windows whose scores are added."""
    image = Image.open(picture).convert("RGB")
    preset = SemanticSegmentation(resize_size=520)
    total = torch.zeros(21, image.height, image.width)
    starts = [
        [round(number * (length - side) / (count - 1)) for number in range(count)]
        for length in (image.height, image.width)
        for count in (math.ceil((length - side / 4) / (side * 3 / 4)),)
    ]
    for top in starts[0]:
        for left in starts[1]:
            window = image.crop((left, top, left + side, top + side))
            with torch.no_grad():
                scores = net(preset(window)[None])["out"]
            scores = torch.nn.functional.interpolate(scores, (side, side), mode="bilinear")
            total[:, top : top + side, left : left + side] += scores[0]
    return Image.fromarray(total.argmax(0).byte().numpy())


def ours(
    predictor: Predictor, images: list[Path], output: Path, workers: int | None = None
) -> Callable[[], None]:
    def contestant() -> None:
        tasks = plan([str(image) for image in images], output)
        outcomes = list(run(predictor, tasks, output, ("mask",), True, workers or processors()))
        if any(outcome.problem for outcome in outcomes):
            raise RuntimeError("an image failed")

    return contestant


def peer(name: str, images: list[Path], place: Path) -> Callable[[], None]:
    net = getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=21).eval()
    preset = SemanticSegmentation(resize_size=520)

    def contestant() -> None:
        for index, path in enumerate(images):
            image = Image.open(path).convert("RGB")
            with torch.no_grad():
                scores = net(preset(image)[None])["out"]
            scores = torch.nn.functional.interpolate(scores, (image.height, image.width), mode="bilinear")
            labels = scores[0].argmax(0).byte().numpy()
            Image.fromarray(np.ascontiguousarray(labels)).save(place / f"{name}_{index}.png")

    return contestant


if __name__ == "__main__":
    main()
