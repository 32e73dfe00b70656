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
_Model = Annotated[str, typer.Option(help=f"{options.MODELS}.")]
_Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder for the results; -: one result to stdout.")
]
_JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object per picture.")]
_Depth = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Depth, for a model that takes it: one file per picture."),
]
_HHA = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="HHA from pixelwise hha, for a model that takes it.")
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
    400 megapixels, and applies the EXIF orientation. Of several frames or pages it takes the first, unless
    --frames all. Results of
    NAME.jpg are OUTPUT/NAME_mask.png (class ids in the picture's size, as a palette PNG), NAME_overlay.jpg,
    NAME_cutout.png (background transparent), NAME_probabilities.npz (float16, C x H x W; beyond 100 million
    numbers in the size that was scored) and NAME_mask.tif (a GeoTIFF, with the coordinate system of the
    picture). Exit code 1 if a picture could not be segmented.

    Annotations have the names that their tools expect: NAME.json for labelme, NAME.txt for YOLO, NAME.geojson
    (in map coordinates if the picture is a GeoTIFF, else in pixels). coco.json, annotations.xml for CVAT, and
    regions.csv hold all pictures of a run. If you repeat a run, it skips finished pictures; it keeps files
    that you have changed since, and names them.

    Results of NAME.mp4 are OUTPUT/NAME_overlay.mp4, with its sound, and NAME_frames/000000_mask.png and so
    on. camera:0 is the first camera; Ctrl-C ends the recording. URLs may name pictures and videos (http,
    https), or files and folders in cloud storage, such as s3://. --output - writes one result to standard
    output.

    --crf refines the picture in its full size with a fully connected CRF, and all results show its beliefs. A
    picture that would need more than 800 MB (2.4 megapixels with 7 classes) is refined on a smaller copy.
    Cutouts are always refined, and lose regions below 1 % of the picture, unless you clean the labels
    otherwise.

    --tiles PIXELS cuts pictures whose longer side exceeds this number into tiles of this side. Each tile is
    scored, and refined with --crf, like a picture. auto: pictures more than four times as long as the
    model's long side are cut into tiles of twice that long side.

    NAME_confidence.png shows how sure the model is of each pixel. The uncertainty by which --rank orders
    pictures is one minus the mean probability of their pixels' labels.

    Files in the folders of --depth and --hha have the names and the sizes of their pictures. Depth has the
    units of the model's training data: with nyud:, whole numbers are millimetres. The archive of --submission
    holds results/VOC2012/Segmentation/comp5_test_cls/ID.png for VOC's classes, testannot/ID.png for CamVid's.

    With --ray the machines of a cluster share the work; all must see the same folders. Pictures may then also
    be rows of *.parquet files, with the columns path and bytes, and --output *.parquet writes results as
    rows. --threads is the number of processors for each worker.
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
    show(done, time.perf_counter() - start, removing=cleaning.removing())
    if results.rank is not None:
        show_ranking(done, as_json)
    if done.failed:
        raise typer.Exit(1)
