"""What is written for annotation tools reads back pixel for pixel, through the readers of the data kinds."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from pixelwise.core.classes import Classes, voc_palette
from pixelwise.core.types import Labels
from pixelwise.data import open_dataset
from pixelwise.data.annotations.coco import column_runs, compressed, write_coco
from pixelwise.data.annotations.cvat import write_cvat
from pixelwise.data.annotations.geojson import geojson
from pixelwise.data.annotations.labelme import labelme_json, labels_txt
from pixelwise.data.annotations.names import class_names, common_folder
from pixelwise.data.annotations.region_files import read_regions, write_regions
from pixelwise.data.annotations.region_table import text_cell, write_region_table
from pixelwise.data.annotations.regions import AnnotatedPicture, regions_of
from pixelwise.data.annotations.yolo import yolo_text, yolo_yaml
from pixelwise.data.formats.coco_records import RunLengths
from pixelwise.data.formats.records import record

WITH_BACKGROUND = Classes.named(["background", "cat", "dog", "bird"])
WITHOUT = Classes(("road", "car", "sky", "tree"), voc_palette(4))
HOSTILE = Classes(
    ('thing, "big" & <small>', "a\nb", "=cmd|' /C calc'!A0", "__ignore__", "_background_", "background"),
    voc_palette(6),
    background=3,
)
UGLY = Classes(("background", "Straße/路", " a ", "a", "\x7f\x1b[5m", "é'\\"), voc_palette(6), background=0)
LABELS = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.integers(0, 3)
)
Write = Callable[[Path, list[AnnotatedPicture], Classes], str]


def as_labelme(place: Path, pictures: list[AnnotatedPicture], classes: Classes) -> str:
    for picture in pictures:
        file = place / "images" / f"{picture.path.stem}.json"
        file.write_text(labelme_json(picture, classes, file.parent))
    (place / "images/labels.txt").write_text(labels_txt(classes))
    return f"labelme:{place / 'images'}"


def as_yolo(place: Path, pictures: list[AnnotatedPicture], classes: Classes) -> str:
    (place / "labels").mkdir(exist_ok=True)
    for picture in pictures:
        (place / f"labels/{picture.path.stem}.txt").write_text(yolo_text(picture, classes))
    (place / "data.yaml").write_text(yolo_yaml(classes, place / "images", place))
    return f"yolo:{place}"


def as_coco(place: Path, pictures: list[AnnotatedPicture], classes: Classes) -> str:
    with (place / "coco.json").open("wb") as file:
        write_coco(file, pictures, classes, place / "images")
    return f"coco:{place / 'coco.json'},images={place / 'images'}"


def as_cvat(place: Path, pictures: list[AnnotatedPicture], classes: Classes) -> str:
    with (place / "annotations.xml").open("wb") as file:
        write_cvat(file, pictures, classes, place / "images")
    return f"cvat:{place / 'annotations.xml'},images={place / 'images'}"


FORMATS = (as_labelme, as_yolo, as_coco, as_cvat)


def annotated(place: Path, labels: Labels, name: str = "photo") -> AnnotatedPicture:
    path = place / f"images/{name}.png"
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", labels.shape[::-1]).save(path)
    return AnnotatedPicture(path, labels.shape, tuple(regions_of(labels)))


def read_back(spec: str, classes: Classes) -> list[Labels]:
    """The labels of all pictures, as ids of `classes`."""
    data = open_dataset(spec, "all")
    expected = [name for id_, name in enumerate(class_names(classes)) if id_ != classes.background]
    assert len(data.classes) == len(expected) + 1
    ground = 254 if classes.background is None else classes.background
    objects = [id_ for id_ in range(len(classes)) if id_ != classes.background]
    table = np.array([ground, *objects], np.uint8)
    return [table[data.read(index).labels] for index in range(len(data))]


@pytest.mark.parametrize("write", FORMATS)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=LABELS)
def test_random_labels_read_back_pixel_for_pixel(write: Write, labels: Labels, tmp_path: Path) -> None:
    for classes in (WITH_BACKGROUND, WITHOUT):
        spec = write(tmp_path, [annotated(tmp_path, labels)], classes)
        np.testing.assert_array_equal(read_back(spec, classes)[0], labels)


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("classes", [HOSTILE, UGLY], ids=["quotes", "unicode"])
def test_names_of_any_kind_read_back_as_one_class_each(
    write: Write, classes: Classes, tmp_path: Path
) -> None:
    labels = np.arange(6, dtype=np.uint8).repeat(4).reshape(4, 6).T.repeat(3, axis=1)
    pictures = [annotated(tmp_path, labels, name) for name in ("=1, 'x'", 'é "2"')]
    spec = write(tmp_path, pictures, classes)
    read = read_back(spec, classes)
    assert len(read) == 2
    for back in read:
        np.testing.assert_array_equal(back, labels)


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("id_", [0, 1])
def test_one_pixel_and_pictures_without_objects_read_back(write: Write, id_: int, tmp_path: Path) -> None:
    labels = np.array([[id_]], np.uint8)
    spec = write(tmp_path, [annotated(tmp_path, labels)], WITH_BACKGROUND)
    assert read_back(spec, WITH_BACKGROUND)[0].tolist() == [[id_]]


@pytest.mark.parametrize("write", FORMATS)
def test_simplified_outlines_read_back_within_the_tolerance(write: Write, tmp_path: Path) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    smooth = ndimage.gaussian_filter(np.random.default_rng(3).random((90, 120)), 5)
    labels = np.digitize(smooth, np.quantile(smooth, [0.5, 0.8])).astype(np.uint8)
    exact = annotated(tmp_path, labels)
    simple = AnnotatedPicture(exact.path, exact.size, tuple(r.simplified(2.0) for r in exact.regions))
    back = read_back(write(tmp_path, [simple], WITH_BACKGROUND), WITH_BACKGROUND)[0]
    # The tolerance is that of one border; where two are near each other, both may move.
    edges = ndimage.morphological_gradient(labels, 3) > 0
    assert (ndimage.distance_transform_edt(~edges)[back != labels] <= 2.0).all()
    assert 0 < (back != labels).mean() < 0.1


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_run_lengths_are_those_of_pycocotools(tmp_path: Path) -> None:
    masks = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    for size in ((1, 1), (7, 1), (9, 13), (200, 150)):
        labels = (rng.random(size) < 0.6).astype(np.uint8)
        labels[0, 0] = 1
        picture = AnnotatedPicture(tmp_path, size, tuple(regions_of(labels, skip=[0])))
        for region in picture.regions:
            text = compressed(column_runs(region, size))
            mask = masks.decode({"size": list(size), "counts": text})
            assert mask.sum() == region.area
            assert masks.encode(np.asfortranarray(mask))["counts"].decode() == text
            assert masks.toBbox({"size": list(size), "counts": text}).tolist() == list(region.box)
            again = record({"counts": text}, "here", RunLengths).counts
            assert list(again) == column_runs(region, size)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_the_polygons_as_the_pixels(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    labels = np.zeros((20, 30), np.uint8)
    labels[3:12, 4:20], labels[5:8, 6:9], labels[14:, 10:13] = 1, 0, 2
    as_coco(tmp_path, [annotated(tmp_path, labels)], WITH_BACKGROUND)
    content = coco.COCO(str(tmp_path / "coco.json"))
    drawn = np.zeros_like(labels)
    annotations = content.loadAnns(content.getAnnIds())
    assert [type(entry["segmentation"]) for entry in annotations] == [dict, list]
    for entry in annotations:
        drawn[content.annToMask(entry) == 1] = entry["category_id"]
    np.testing.assert_array_equal(drawn, labels)


@settings(deadline=None, max_examples=40)
@given(labels=LABELS)
def test_geojson_fills_to_the_same_pixels_by_an_independent_program(labels: Labels) -> None:
    features = pytest.importorskip("rasterio.features")
    picture = AnnotatedPicture(Path("a.tif"), labels.shape, tuple(regions_of(labels)))
    content = json.loads(geojson(picture, WITHOUT))
    shapes = [(entry["geometry"], entry["properties"]["id"]) for entry in content["features"]]
    drawn = features.rasterize(shapes, labels.shape, fill=99, dtype=np.uint8)
    np.testing.assert_array_equal(drawn, labels)


def test_georeferenced_polygons_lie_on_the_map_and_turn_counter_clockwise() -> None:
    labels = np.ones((6, 8), np.uint8)
    labels[2:4, 3:5] = 0
    picture = AnnotatedPicture(Path("a.tif"), (6, 8), tuple(regions_of(labels)))
    north_up = (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)
    content = json.loads(geojson(picture, WITH_BACKGROUND, north_up, "EPSG:32633"))
    assert content["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32633"
    (feature,) = content["features"]
    outer, hole = (np.array(ring) for ring in feature["geometry"]["coordinates"])
    assert outer.min(0).tolist() == [500_000, 3_999_940]
    assert outer.max(0).tolist() == [500_080, 4_000_000]

    def area(ring: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
        x, y = ring[:-1].T - ring.min(0)[:, None]
        return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)

    assert (area(outer), area(hole)) == (4800, -400)
    plain = json.loads(geojson(picture, WITH_BACKGROUND))["features"][0]["geometry"]["coordinates"]
    assert (area(np.array(plain[0])), area(np.array(plain[1]))) == (48, -4)
    assert feature["properties"] == {"class": "cat", "id": 1, "area": 44, "confidence": None}


def test_the_table_has_a_row_per_region_and_no_formulas(tmp_path: Path) -> None:
    labels = np.zeros((4, 5), np.uint8)
    labels[1:3, 2:5], labels[3, 0] = 2, 1
    regions = tuple(regions_of(labels, np.full((4, 5), 0.75, np.float32)))
    classes = Classes(("background", "=cmd,\n", 'a "b"'), voc_palette(3), background=0)
    with (tmp_path / "regions.csv").open("wb") as file:
        write_region_table(file, [AnnotatedPicture(Path("-x.png"), (4, 5), regions)], classes)
    lines = (tmp_path / "regions.csv").read_text().splitlines()
    assert lines == [
        "picture,class,id,area,share,left,top,width,height,centroid_x,centroid_y,confidence",
        "'-x.png,\"'=cmd,\\n\",1,1,0.05,0,3,1,1,0.50,3.50,0.7500",
        '\'-x.png,"a ""b""",2,6,0.3,2,1,3,2,3.50,2.00,0.7500',
    ]
    assert [text_cell(text) for text in ("@x", "a=b", "+1")] == ["'@x", "a=b", "'+1"]


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=LABELS)
def test_regions_in_a_file_are_the_same(labels: Labels, tmp_path: Path) -> None:
    regions = regions_of(labels, np.ones(labels.shape, np.float32), skip=[1])
    with (tmp_path / "regions.npz").open("wb") as file:
        write_regions(file, regions)
    back = read_regions(tmp_path / "regions.npz")
    assert len(back) == len(regions)
    for one, other in zip(regions, back, strict=True):
        assert [ring.tolist() for ring in one.rings] == [ring.tolist() for ring in other.rings]
        assert (one.id, one.area, one.box, one.centroid) == (
            *(other.id, other.area, other.box),
            other.centroid,
        )
        assert one.confidence == other.confidence


def test_the_common_folder_holds_all_pictures() -> None:
    assert common_folder([Path("/a/b/1.png"), Path("/a/c/2.png")]) == Path("/a")
    assert common_folder([Path("/a/b/1.png")]) == Path("/a/b")
    assert common_folder([]) == Path()


def test_names_with_other_blanks_and_emoji_lead_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "cats \U0001f408" / "Screenshot at 3.45\u202fPM.png"  # as macOS calls them
    classes = Classes(("background", "cat \U0001f408"), voc_palette(2), background=0)
    picture = AnnotatedPicture(path, (4, 5), ())
    name = json.loads(labelme_json(picture, classes, tmp_path / "out"))["imagePath"]
    assert name == f"../{path.relative_to(tmp_path).as_posix()}"
    files = {"coco": io.BytesIO(), "cvat": io.BytesIO()}
    write_coco(files["coco"], [picture], classes, path.parent)
    write_cvat(files["cvat"], [picture], classes, path.parent)
    assert json.loads(files["coco"].getvalue())["images"][0]["file_name"] == path.name
    assert f'name="{path.name}"' in files["cvat"].getvalue().decode()
    assert json.loads(geojson(picture, classes))["picture"] == path.name
    yaml = pytest.importorskip("yaml")
    read = yaml.safe_load(yolo_yaml(classes, path.parent, tmp_path / "out"))
    assert read["train"] == f"../{path.parent.name}" and read["names"] == {0: "cat \U0001f408"}
