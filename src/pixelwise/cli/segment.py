"""`pixelwise segment`: photos and videos in, masks and overlays out."""

import time
from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.segment_report import destination, show

EXAMPLES = (
    "pixelwise segment examples/chelsea.png",
    "pixelwise segment photos --save mask,overlay,cutout --output results --json",
)
_Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...", help="Pictures, videos, folders, patterns, URLs, camera:0, or - for stdin."
    ),
]
_Model = Annotated[str, typer.Option(help="Bundled model, .onnx or .safetensors file, or run folder.")]
_Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder for the results; -: one result to stdout.")
]
_Save = Annotated[str, typer.Option(help="What to save, any of: mask,overlay,cutout,probabilities,geotiff.")]
_JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object per picture.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Make finished results again.")]
_Depth = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Depth, for a model that sees it: a file a picture.")
]
_HHA = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="HHA of pixelwise hha, for a model that sees it.")
]
_Submission = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A .tgz of all masks, as test servers take it.")
]
_Frames = Annotated[
    str,
    typer.Option(metavar="first|all", help="Which frames of animations and pages of TIFF files to segment."),
]
_Every = Annotated[
    int, typer.Option("--every", metavar="N", min=1, max=1_000_000, help="Of videos, take one frame of N.")
]
_Smooth = Annotated[
    str | None,
    typer.Option(
        metavar="mean|crf",
        help="Of videos, smooth over time: by a running mean or the space-time CRF.",
    ),
]
_Private = Annotated[
    bool,
    typer.Option(
        "--allow-private-urls", help="Also fetch from this machine and the private network; read file://."
    ),
]


def segment(
    inputs: _Inputs,
    model: _Model = "default",
    output: _Output = Path("segmentation"),
    save: _Save = "mask,overlay",
    crf: options.CRF = False,
    crf_preset: options.CRFPreset = None,
    as_json: _JSON = False,
    overwrite: _Overwrite = False,
    threads: options.Threads = None,
    engine: options.Engine = "auto",
    precision: options.Precision = "float32",
    ids: options.Ids = None,
    depth: _Depth = None,
    hha: _HHA = None,
    submission: _Submission = None,
    scales: options.Scales = None,
    flip: options.Flip = False,
    long_side: options.LongSide = None,
    tiles: options.Tiles = None,
    device: options.Device = "auto",
    only: options.Only = None,
    largest: options.Largest = False,
    fill_holes: options.FillHoles = False,
    min_region: options.MinRegion = None,
    frames: _Frames = "first",
    every: _Every = 1,
    smooth: _Smooth = None,
    allow_private_urls: _Private = False,
) -> None:
    """Segment pictures and videos: print which classes they show, and save masks and overlays.

    Reads AVIF, BMP, GIF, HEIC, JPEG, JPEG 2000, PCX, PNG, PPM, PSD, QOI, SGI, Sun, TGA, TIFF and WebP, up to
    400 megapixels; the first frame of several, unless --frames all; EXIF orientation is applied. Results of
    NAME.jpg are OUTPUT/NAME_mask.png (class ids in the picture's size, as a palette PNG), NAME_overlay.jpg,
    NAME_cutout.png (background transparent), NAME_probabilities.npz (float16, C x H x W) and NAME_mask.tif (a
    GeoTIFF, with the coordinate system of the picture). A run that was interrupted or is repeated skips what
    is finished. Exit code 1 if a picture could not be segmented.

    Results of NAME.mp4 are OUTPUT/NAME_overlay.mp4, with its sound, and NAME_frames/000000_mask.png and so
    on. camera:0 is the first camera; Ctrl-C ends it. URLs may be http(s) ones of pictures, or those of files
    and folders in cloud storage, such as s3://. With --output - one result goes to standard output.

    With --crf a fully connected CRF sees the picture in its own size (beyond 2.4 megapixels with 7 classes:
    on the largest copy that takes 800 MB), and all results are of its beliefs. Cutouts are always
    refined, and lose regions below 1 % of the picture, unless the labels are cleaned in another way.

    --tiles PIXELS cuts pictures whose longer side exceeds that number into tiles of this side, each of which
    is scored, and refined with --crf, like a picture. auto: pictures more than four times as long as the
    model's long side are cut into tiles of twice that long side.

    Files in the folders of --depth and --hha are called as their pictures are and have their size. Depth is
    read as the model's training data was: of nyud:, whole numbers are millimetres. --submission holds
    results/VOC2012/Segmentation/comp5_test_cls/ID.png for VOC's classes, testannot/ID.png for CamVid's.
    """
    from pixelwise.inference.results.submission import ENDINGS
    from pixelwise.inference.video.smoothing import SMOOTHINGS
    from pixelwise.workflows.segmenting import FRAMES, segment_folder

    start = time.perf_counter()
    kinds = options.kinds(save)
    options.check_ending(submission, *ENDINGS, option="--submission")
    preset = options.chosen_preset(crf, crf_preset)
    loading = options.for_load(
        threads, preset, scales, flip, engine, precision, long_side, tiles, device, allow_private_urls
    )
    with destination(output, kinds, as_json) as (folder, told):
        done = segment_folder(
            inputs,
            folder,
            model,
            kinds,
            overwrite=overwrite,
            ids=ids,
            depth=depth,
            hha=hha,
            cleaning=options.chosen_cleaning(only, largest, fill_holes, min_region),
            submission=submission,
            frames=options.one_of(frames, FRAMES, "--frames"),
            every=every,
            smooth=smooth and options.one_of(smooth, SMOOTHINGS, "--smooth"),
            **told,
            **loading,
        )
    show(done, time.perf_counter() - start)
    if done.failed:
        raise typer.Exit(1)
