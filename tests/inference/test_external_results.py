"""Segmentations of others: what is read, what is refused, what becomes of them."""

import csv
import json
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from pixelwise import load
from pixelwise.core.errors import DataError
from pixelwise.core.types import VOID, Labels, RGBImage
from pixelwise.inference import crf_refiner as module
from pixelwise.inference.crf_refiner import CRFRefiner, refining_bytes
from pixelwise.inference.external_results import GivenLabels, GivenScores, read_given, refine_given
from pixelwise.inference.results.cleaning import Cleaning


class Unchanged:
    """A refiner that does nothing but remember the image's shape."""

    identity = "none"
    shape: tuple[int, ...] = ()

    def __call__(self, image: RGBImage, probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.shape = image.shape
        np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
        return probabilities


def save_labels(path: Path, labels: Labels, mode: str = "P") -> Path:
    picture = Image.fromarray(labels)
    if mode == "P":
        picture.putpalette([0, 0, 0, 10, 20, 30, 40, 50, 60, *[0] * (768 - 9)])
    picture.save(path)
    return path


def save_photo(path: Path, image: RGBImage) -> Path:
    Image.fromarray(image).save(path)
    return path


def test_labels_are_sure_to_the_confidence_and_void_to_nothing(tmp_path: Path) -> None:
    given = read_given(save_labels(tmp_path / "l.png", np.array([[0, 7, 9, VOID]], np.uint8)), 0.6)
    assert isinstance(given, GivenLabels)
    assert given.ids.tolist() == [0, 7, 9]
    expected = [[0.6, 0.2, 0.2, 1 / 3], [0.2, 0.6, 0.2, 1 / 3], [0.2, 0.2, 0.6, 1 / 3]]
    np.testing.assert_allclose(given.probabilities((1, 4))[:, 0], expected, atol=1e-6)
    # On a cell of two pixels, their mean: half id 0 and half id 7; half id 9 and half nothing.
    halves = [[0.4, 0.8 / 3], [0.4, 0.8 / 3], [0.2, 1.4 / 3]]
    np.testing.assert_allclose(given.probabilities((1, 2))[:, 0], halves, atol=1e-6)


def test_a_single_class_is_certain(tmp_path: Path) -> None:
    given = read_given(save_labels(tmp_path / "l.png", np.array([[3, VOID]], np.uint8)))
    assert given.probabilities((1, 2)).tolist() == [[[1, 1]]]


@pytest.mark.parametrize("mode", ["P", "L"])
def test_ids_and_palette_stay_and_void_is_filled(mode: str, tmp_path: Path) -> None:
    image = np.zeros((30, 40, 3), np.uint8)
    image[:, 20:] = 200
    labels = np.full((30, 40), 2, np.uint8)
    labels[:, 17:] = 200  # three columns off the edge
    labels[5:9, 5:9] = VOID
    path = save_labels(tmp_path / "l.png", labels, mode)
    given = read_given(path)
    result = refine_given(save_photo(tmp_path / "x.png", image), given, CRFRefiner("densecrf", 1))
    picture = result.mask()
    assert picture.mode == mode
    assert (np.asarray(picture) == np.where(np.arange(40) < 20, 2, 200)).all()
    if mode == "P":
        assert picture.convert("RGB").getpixel((0, 0)) == (40, 50, 60)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_all_files_have_the_ids_of_the_labels(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio", reason="needs rasterio")
    photo = save_photo(tmp_path / "p.png", np.zeros((4, 6, 3), np.uint8))
    labels = np.array([[7] * 2 + [12] * 4] * 4, np.uint8)
    picture = Image.fromarray(labels)
    picture.putpalette([value for id_ in range(256) for value in (id_, 0, 255 - id_)])
    picture.save(tmp_path / "l.png")
    result = refine_given(photo, read_given(tmp_path / "l.png"), Unchanged())
    kinds = ["mask", "geotiff", "labelme", "yolo", "geojson", "coco", "cvat", "csv"]
    paths = result.save(tmp_path / "r", kinds)
    with Image.open(paths["mask"]) as mask:
        assert np.asarray(mask).tolist() == labels.tolist()
    with rasterio.open(paths["geotiff"]) as dataset:
        assert dataset.read(1).tolist() == labels.tolist()
        assert dataset.colormap(1)[12] == (12, 0, 243, 255)
        assert dataset.tags(1)["class_12"] == "12"
    shapes = json.loads(paths["labelme"].read_bytes())["shapes"]
    assert sorted(shape["label"] for shape in shapes) == ["12", "7"]
    assert [line.split()[0] for line in paths["yolo"].read_text().splitlines()] == ["7", "12"]
    features = json.loads(paths["geojson"].read_bytes())["features"]
    named = [(feature["properties"]["id"], feature["properties"]["class"]) for feature in features]
    assert named == [(7, "7"), (12, "12")]
    coco = json.loads(paths["coco"].read_bytes())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert [names[entry["category_id"]] for entry in coco["annotations"]] == ["7", "12"]
    assert set(re.findall('polygon label="([^"]+)"', paths["cvat"].read_text())) == {"7", "12"}
    rows = list(csv.DictReader(paths["csv"].read_text().splitlines()))
    assert [(row["class"], row["id"]) for row in rows] == [("7", "7"), ("12", "12")]
    assert [(region.id, region.name) for region in result.regions()] == [(7, "7"), (12, "12")]


def test_other_labels_of_a_result_keep_the_ids_of_the_file(tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "p.png", np.zeros((4, 6, 3), np.uint8))
    labels = np.array([[7] * 2 + [12] * 4] * 4, np.uint8)
    labels[1, 3] = 7
    result = refine_given(photo, read_given(save_labels(tmp_path / "l.png", labels)), Unchanged())
    for other in (result.cleaned(Cleaning(min_region=0.1)), result.rescored(result.scores)):
        assert np.unique(np.asarray(other.mask())).tolist() == [7, 12]
        assert (other.file_labels == np.asarray(other.mask())).all()
        assert other.file_classes.names == result.file_classes.names
    assert result.cleaned(Cleaning(min_region=0.1)).file_labels[1, 3] == 12


def test_a_short_palette_does_not_cut_ids(tmp_path: Path) -> None:
    path = tmp_path / "l.png"
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 4, 1, 8, 3, 0, 0, 0),  # 4 x 1 pixels of 8 bits, palette
        b"PLTE": bytes([9, 9, 9]),
        b"IDAT": zlib.compress(bytes([0, 0, 1, 2, 3])),
        b"IEND": b"",
    }
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, content in chunks.items():
            check = struct.pack(">I", zlib.crc32(name + content))
            file.write(struct.pack(">I", len(content)) + name + content + check)
    given = read_given(path)
    result = refine_given(save_photo(tmp_path / "x.png", np.zeros((1, 4, 3), np.uint8)), given, Unchanged())
    result.mask().save(path)
    with Image.open(path) as saved:
        assert np.asarray(saved).tolist() == [[0, 1, 2, 3]]
        assert saved.convert("RGB").getpixel((0, 0)) == (9, 9, 9)


def test_what_segment_saves_is_read_back_with_names_and_colours(
    bundled: Callable[[], Path], tmp_path: Path
) -> None:
    bundled()
    image = np.random.default_rng(0).integers(0, 256, (33, 50, 3), np.uint8)
    saved = load()(image)
    path = saved.save(tmp_path / "x", ["probabilities"])["probabilities"]
    given = read_given(path)
    assert isinstance(given, GivenScores)
    assert (given.classes.names, given.classes.palette) == (saved.classes.names, saved.classes.palette)
    np.testing.assert_allclose(given.probabilities((33, 50)), saved.probabilities, atol=1e-3)
    result = refine_given(save_photo(tmp_path / "x.png", image), given, Unchanged())
    assert (result.labels == saved.labels).mean() > 0.99  # float16
    assert result.mask().convert("RGB").getpixel((0, 0)) in saved.classes.palette


def test_probabilities_of_a_reduced_size_are_interpolated_as_scores_are(tmp_path: Path) -> None:
    scores = np.random.default_rng(1).normal(size=(3, 20, 30)).astype(np.float32)
    powers = np.exp(scores)
    np.savez(tmp_path / "p.npz", probabilities=powers / powers.sum(0))
    np.savez(tmp_path / "s.npz", scores=scores)
    given, same = read_given(tmp_path / "p.npz"), read_given(tmp_path / "s.npz")
    assert given.classes.names == ("0", "1", "2")
    assert given.fits((40, 60))
    assert not given.fits((60, 40))
    np.testing.assert_allclose(given.probabilities((40, 60)), same.probabilities((40, 60)), atol=1e-5)


def test_a_large_picture_is_refined_on_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", refining_bytes((30, 40), 2))
    labels = np.zeros((60, 80), np.uint8)
    labels[20:] = 1
    given = read_given(save_labels(tmp_path / "l.png", labels))
    refiner = Unchanged()
    photo = save_photo(tmp_path / "x.png", np.zeros((60, 80, 3), np.uint8))
    result = refine_given(photo, given, refiner)
    assert refiner.shape == (30, 40, 3)
    assert (np.asarray(result.mask()) == labels).all()
    assert result.notes(["probabilities"]) == ["refined on a copy reduced to 40x30"]


def test_the_photo_is_upright_as_segment_has_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "x.jpg", exif=exif)
    upright = read_given(save_labels(tmp_path / "l.png", np.zeros((40, 20), np.uint8)))
    assert refine_given(tmp_path / "x.jpg", upright, Unchanged()).size == (40, 20)
    lying = read_given(save_labels(tmp_path / "l.png", np.zeros((20, 40), np.uint8)))
    with pytest.raises(
        DataError, match=r"x.jpg, upright .* shape \(20, 40\) does not fit a picture of 40 x 20"
    ):
        refine_given(tmp_path / "x.jpg", lying, Unchanged())


THIRDS = np.full((3, 2, 2), 1 / 3, np.float32)


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({}, "holds no array of probabilities or scores"),
        ({"q": THIRDS, "r": THIRDS}, r"holds several arrays: q, r\nhint: name one of them: --array NAME"),
        ({"q": THIRDS * 2}, "add up to 2 to 2(.|\n)*save them under the name"),
        ({"probabilities": THIRDS[0]}, r"\(classes, height, width\) floats .* got \(2, 2\) of float32"),
        ({"probabilities": THIRDS.astype(int)}, "got .* of int64"),
        ({"probabilities": THIRDS * 2}, "add up to 2 to 2(.|\n)*save them under the name"),
        ({"probabilities": THIRDS - 1}, "start at -0.667"),
        ({"scores": np.full((2, 1, 1), np.nan)}, "scores hold NaN"),
        ({"scores": np.full((2, 1, 1), 1e300)}, "scores hold NaN, infinite or too large"),
        ({"scores": np.zeros((300, 1, 1))}, "up to 254 classes"),
        ({"scores": np.array([[[None]]])}, "cannot be read as an .npz file: Object arrays"),
        ({"scores": THIRDS, "classes": np.array(["a", "b"])}, r"classes must be 3 texts, got \(2,\)"),
        ({"scores": THIRDS, "classes": np.array(["a", "b", "a"])}, "these repeat: a"),
        ({"scores": THIRDS, "palette": np.zeros((3, 3))}, r"palette must be \(3, 3\) of uint8"),
    ],
)
def test_a_faulty_npz_is_refused_by_name(
    arrays: dict[str, npt.NDArray[np.generic]], complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.npz"
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=complaint) as caught:
        read_given(path)
    assert "x.npz" in caught.value.message


def test_a_single_array_may_have_any_name_and_several_are_chosen_by_theirs(tmp_path: Path) -> None:
    scores = np.random.default_rng(1).normal(size=(3, 4, 6)).astype(np.float32)
    p = np.exp(scores) / np.exp(scores).sum(0)
    path = tmp_path / "x.npz"
    for arrays in (
        {"softmax_out": p},
        {"logits": scores},
        {"a": p, "scores": scores},
        {"arr_0": p, "classes": np.array(["x", "y", "z"])},
    ):
        np.savez(path, **arrays)
        np.testing.assert_allclose(read_given(path).probabilities((4, 6)), p, atol=1e-5)
    np.savez(path, a=p[::-1], b=p)
    np.testing.assert_allclose(read_given(path, array="b").probabilities((4, 6)), p, atol=1e-5)
    with pytest.raises(DataError, match=r"x\.npz has no array c\nhint: there are: a, b"):
        read_given(path, array="c")


def test_files_that_are_no_npz_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(DataError, match="no such file"):
        read_given(path)
    np.savez(path, scores=THIRDS)
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[:100], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cannot be read as an .npz file"):
            read_given(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scores", "hello")
    with pytest.raises(DataError, match=r"cannot be read as an .npz file: scores is not an array"):
        read_given(path)
    with path.open("wb") as file:
        np.save(file, THIRDS)
    with pytest.raises(DataError, match=r"cannot be read as an .npz file"):
        read_given(path)


def test_an_npy_file_holds_probabilities(tmp_path: Path) -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(3), (4, 6)).transpose(2, 0, 1)
    for array in (p, p.astype(np.float16), np.asfortranarray(p)):
        np.save(tmp_path / "p.npy", array)
        given = read_given(tmp_path / "p.npy")
        assert isinstance(given, GivenScores)
        assert given.classes.names == ("0", "1", "2")
        np.testing.assert_allclose(given.probabilities((4, 6)), p, atol=1e-3)


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (THIRDS[0], r"got \(2, 2\) of float32"),
        (THIRDS.astype(int), "got .* of int64"),
        (THIRDS * 2, "add up to 2 to 2(.|\n)*in an .npz file"),
        (THIRDS - 1, "start at -0.667"),
        (THIRDS * np.nan, "probabilities hold NaN"),
        (THIRDS * np.inf, "probabilities hold NaN, infinite"),
        (np.array([[[None]]]), "cannot be read as an .npy file: it holds Python objects"),
    ],
)
def test_a_faulty_npy_is_refused_by_name(
    array: npt.NDArray[np.generic], complaint: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=complaint) as caught:
        read_given(tmp_path / "x.npy")
    assert "x.npy" in caught.value.message


def test_a_damaged_npy_is_refused_whatever_it_declares(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    with pytest.raises(DataError, match="No such file"):
        read_given(path)
    os.mkfifo(path)
    with pytest.raises(DataError, match="it is a device, pipe or socket"):
        read_given(path)
    path.unlink()
    np.save(path, THIRDS)
    whole = path.read_bytes()
    lies = [
        whole.replace(b"(3, 2, 2)", shape)
        for shape in (b"(3, 2, 9)", b"(9**9,)  ", b"(-3, 2,2)", b"(3,2,2e9)")
    ]
    for content in (b"", b"hello", whole[:20], whole[:-4], *lies):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"x.npy"):
            read_given(path)


def test_labels_without_a_label_and_useless_confidence_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no label: all its pixels are 255"):
        read_given(save_labels(tmp_path / "l.png", np.full((2, 2), VOID, np.uint8)))
    with pytest.raises(DataError, match=r"only the ids 0 and 255(.|\n)*save it as 1"):
        read_given(save_labels(tmp_path / "l.png", np.array([[0, VOID]], np.uint8), "L"))
    path = save_labels(tmp_path / "l.png", np.array([[0, 1]], np.uint8))
    for confidence in (0.5, 1.0, float("nan")):
        with pytest.raises(ValueError, match=r"confidence must be above 1/classes \(here 0.5\) and below 1"):
            read_given(path, confidence)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("form", ["labels", "probabilities", "reduced"])
def test_labels_of_the_stored_pixels_are_turned_as_the_hint_says(
    tmp_path: Path, orientation: int, form: str
) -> None:
    """The picture is shown upright, as its EXIF orientation says, but was labelled as it is stored."""
    stored = np.zeros((8, 16), np.uint8)
    stored[:4, :4], stored[4:, 12:] = 1, 2
    exif = Image.Exif()
    exif[274] = orientation
    colours = np.array([(0, 0, 0), (200, 0, 0), (0, 0, 200)], np.uint8)
    Image.fromarray(colours[stored]).save(tmp_path / "photo.png", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "photo.png")))
    array = stored if form == "labels" else np.stack([stored == id_ for id_ in range(3)]).astype(np.float32)
    array = array[:, ::2, ::2] if form == "reduced" else array

    def given(array: npt.NDArray[np.generic]) -> Path:
        if array.ndim == 3:
            np.save(tmp_path / "given.npy", array)
            return tmp_path / "given.npy"
        return save_labels(tmp_path / "given.png", array.astype(np.uint8))

    with pytest.raises(DataError) as caught:
        refine_given(tmp_path / "photo.png", read_given(given(array)), Unchanged())
    said, _, code = (caught.value.hint or "").partition(": ")
    assert said == "turn them as the picture's EXIF orientation turns it"
    turned = np.ascontiguousarray(eval(code, {"np": np, "array": array}))
    result = refine_given(tmp_path / "photo.png", read_given(given(turned)), Unchanged())
    assert (colours[result.labels] == upright).all()


def test_rows_and_columns_of_a_picture_that_is_not_turned_are_swapped(tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "photo.png", np.zeros((8, 16, 3), np.uint8))
    given = read_given(save_labels(tmp_path / "l.png", np.eye(16, 8, dtype=np.uint8)))
    with pytest.raises(DataError, match=r"rows come before columns: array.swapaxes\(-1, -2\)"):
        refine_given(photo, given, Unchanged())
