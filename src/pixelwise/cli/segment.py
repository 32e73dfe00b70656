"""`pixelwise segment`: photos and videos in, masks and overlays out."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.option_groups import (
    AugmentationOptions,
    CleaningOptions,
    FrameOptions,
    InferenceOptions,
    RefinementOptions,
    ResultOptions,
    SizeOptions,
    StyleOptions,
)
from pixelwise.cli.ray_options import segmenting
from pixelwise.cli.segment_report import destination, show, show_ranking

if TYPE_CHECKING:
    from pixelwise.workflows.loading import LoadOptions

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
_JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object per picture.")]
_Depth = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Depth, for a model that sees it: a file a picture.")
]
_HHA = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="HHA of pixelwise hha, for a model that sees it.")
]


def segment(
    inputs: _Inputs,
    model: _Model = "default",
    output: _Output = Path("segmentation"),
    as_json: _JSON = False,
    threads: options.Threads = None,
    ids: options.Ids = None,
    depth: _Depth = None,
    hha: _HHA = None,
    allow_private_urls: options.AllowPrivate = False,
    ray: options.Ray = None,
    *,
    results: ResultOptions,
    sizes: SizeOptions,
    augmentation: AugmentationOptions,
    refinement: RefinementOptions,
    cleaning: CleaningOptions,
    style: StyleOptions,
    moving: FrameOptions,
    inference: InferenceOptions,
) -> None:
    """Segment pictures and videos: print which classes they show, and save masks and overlays.

    Reads AVIF, BMP, GIF, HEIC, JPEG, JPEG 2000, PCX, PNG, PPM, PSD, QOI, SGI, Sun, TGA, TIFF and WebP, up to
    400 megapixels; the first frame of several, unless --frames all; EXIF orientation is applied. Results of
    NAME.jpg are OUTPUT/NAME_mask.png (class ids in the picture's size, as a palette PNG), NAME_overlay.jpg,
    NAME_cutout.png (background transparent), NAME_probabilities.npz (float16, C x H x W; beyond 100 million
    numbers in the size that was scored) and NAME_mask.tif (a GeoTIFF, with the coordinate system of the
    picture). Exit code 1 if a picture could not be segmented.

    Annotations have the names that their tools expect: NAME.json for labelme, NAME.txt for YOLO, NAME.geojson
    (on the map if the picture is a GeoTIFF, else in pixels). coco.json, annotations.xml for CVAT, and
    regions.csv hold all pictures of a run. A run that was interrupted or is repeated skips what is finished;
    it keeps and names files that you have changed since.

    Results of NAME.mp4 are OUTPUT/NAME_overlay.mp4, with its sound, and NAME_frames/000000_mask.png and so
    on. camera:0 is the first camera; Ctrl-C ends it. URLs may be http(s) ones of pictures and videos, or
    those of files and folders in cloud storage, such as s3://. With --output - one result goes to standard
    output.

    With --crf a fully connected CRF sees the picture in its own size (beyond 2.4 megapixels with 7 classes:
    on the largest copy that takes 800 MB), and all results are of its beliefs. Cutouts are always
    refined, and lose regions below 1 % of the picture, unless the labels are cleaned in another way.

    --tiles PIXELS cuts pictures whose longer side exceeds that number into tiles of this side, each of which
    is scored, and refined with --crf, like a picture. auto: pictures more than four times as long as the
    model's long side are cut into tiles of twice that long side.

    NAME_confidence.png shows how sure the model is of each pixel. The uncertainty by which --rank orders
    pictures is one minus the mean probability of their pixels' labels.

    Files in the folders of --depth and --hha are called as their pictures are and have their size. Depth is
    read as the model's training data was: of nyud:, whole numbers are millimetres. --submission holds
    results/VOC2012/Segmentation/comp5_test_cls/ID.png for VOC's classes, testannot/ID.png for CamVid's.

    With --ray many machines share the work, each of which sees the same folders. Pictures may be rows with
    path and bytes of a file *.parquet then, and with --output *.parquet so are results. --threads is the
    number of processors for each worker.
    """
    start = time.perf_counter()
    saving, chosen = results.for_segment(), moving.for_segment()
    loading: LoadOptions = {"threads": threads, "allow_private_urls": allow_private_urls}
    loading |= {"crf": refinement.preset(), "views": augmentation.views()}
    loading |= {**sizes.for_load(), **inference.for_load()}
    with destination(output, saving["save"], as_json, results.rank) as (folder, told):
        done = segmenting(ray)(
            inputs,
            folder,
            model,
            ids=ids,
            depth=depth,
            hha=hha,
            cleaning=cleaning.cleaning(),
            style=style.style(saving["save"]),
            **saving,
            **chosen,
            **told,
            **loading,
        )
    show(done, time.perf_counter() - start)
    if results.rank is not None:
        show_ranking(done, as_json)
    if done.failed:
        raise typer.Exit(1)
