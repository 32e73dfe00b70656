"""Pictures in tiles: the same labels as one pass away from the border, in bounded memory."""

import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from tiny_model import CLASSES, tiny_info
from torch import nn

from pixelwise import load
from pixelwise.core.classes import Classes
from pixelwise.core.errors import ModelError
from pixelwise.core.types import RGBImage
from pixelwise.inference.engines.torch import TorchEngine
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.cleaning import Cleaning
from pixelwise.inference.tiles import Tiling, blending, check_tiles, side_of_tiles
from pixelwise.inference.views import Views


class StridedNet(nn.Module):
    """Random convolutions of stride 8, which see 22 pixels around; scores enlarged to the picture."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        sizes = [(3, 16, 2), (16, 16, 2), (16, 4, 2)]
        self.layers = nn.Sequential(
            *itertools.chain.from_iterable(
                (nn.Conv2d(into, out, 5, stride, 2), nn.ReLU()) for into, out, stride in sizes
            )
        )
        self.gain = nn.Parameter(torch.tensor(40.0))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scores = self.layers[:-1]((image - 127) / 64) * self.gain
        return nn.functional.interpolate(scores, image.shape[2:], mode="bilinear")


def clouds(height: int, width: int) -> RGBImage:
    """Smooth random colours."""
    small = np.random.default_rng(0).integers(0, 256, (height // 20, width // 20, 3), np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def strided(long_side: int, tiles: int | str | None) -> Predictor:
    net = StridedNet().eval().requires_grad_(False)
    return Predictor(TorchEngine(net), ModelInfo("strided", CLASSES, long_side), tiles=tiles)


def test_tiles_differ_from_a_whole_pass_in_at_most_a_thousandth_of_the_pixels() -> None:
    picture = clouds(704, 904)
    whole = strided(904, None)(picture).labels
    tiled = strided(256, 256)(picture)
    assert tiled.scored_size == tiled.grid_size == (704, 904)
    assert len(np.unique(whole)) >= 3
    inner = np.s_[64:-64, 64:-64]
    assert (whole[inner] != tiled.labels[inner]).mean() <= 0.001
    plain = np.concatenate(
        [
            np.concatenate([strided(256, None)(part).labels for part in np.array_split(rows, 4, 1)], 1)
            for rows in np.array_split(picture, 3, 0)
        ]
    )
    assert (whole[inner] != plain[inner]).mean() > 0.005  # tiles without overlap have seams


def test_tiles_that_are_scored_together_give_what_they_give_one_after_the_other() -> None:
    alone, together = strided(64, 64), strided(64, 64)
    together.tiles_together = 3
    picture = clouds(200, 300)
    first, second = alone(picture), together(picture)
    assert np.array_equal(first.scores, second.scores)


@pytest.mark.parametrize(
    ("given", "threads", "tiles"),
    [({"tiles": 100}, 1, 2), ({"tiles": 100, "crf": "deeplab"}, 2, 1), ({}, 2, 1)],
)
def test_tiles_share_the_threads_unless_the_crf_needs_them(
    given: dict[str, object], threads: int, tiles: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.core.threads.processors", lambda: 2)
    predictor = load("default", threads=2, engine="onnxruntime", **given)  # type: ignore[arg-type]
    assert (predictor.engine.threads, predictor.tiles_together) == (threads, tiles)


@pytest.mark.parametrize("tiles", [64, 1000, "auto"])
def test_a_picture_that_fits_in_a_tile_is_scored_in_one_pass(predictor: Predictor, tiles: int | str) -> None:
    picture = clouds(64, 60)
    once = predictor(picture)
    tiled = Predictor(predictor.engine, predictor.info, tiles=tiles)(picture)
    assert np.array_equal(once.scores, tiled.scores)
    assert tiled.notes() == once.notes()


def test_auto_uses_tiles_beyond_four_times_the_long_side() -> None:
    assert side_of_tiles("auto", (200, 256), 64) is None
    assert side_of_tiles("auto", (200, 257), 64) == 128
    assert side_of_tiles(100, (100, 100), 64) is None
    assert side_of_tiles(100, (100, 101), 64) == 100
    assert side_of_tiles(None, (9999, 9999), 64) is None


def test_tiles_find_what_a_reduced_copy_cannot_show(predictor: Predictor) -> None:
    picture = np.zeros((900, 1200, 3), np.uint8)
    picture[::30, :, 0] = 255  # thin red lines, which a copy of 64 pixels blurs away
    assert (predictor(picture).labels == 1).mean() == 0
    tiled = Predictor(predictor.engine, predictor.info, tiles=64)(picture)
    assert np.array_equal(tiled.labels == 1, picture[..., 0] == 255)


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (65, 64), (129, 4000), (500, 333)])
@pytest.mark.parametrize("tiles", [32, 63, 200])
def test_any_size_is_covered_and_any_colour_is_found(
    size: tuple[int, int], tiles: int, predictor: Predictor
) -> None:
    picture = np.zeros((*size, 3), np.uint8)
    picture[..., 1] = 255
    result = Predictor(predictor.engine, predictor.info, tiles=tiles)(picture)
    assert result.labels.shape == size
    assert (result.labels == 2).all()


@pytest.mark.parametrize("cells", [5, 64, 65, 100, 129, 1000, 4999])
@pytest.mark.parametrize("side", [32, 64, 100])
def test_the_weights_of_every_pixel_add_up_to_one(cells: int, side: int) -> None:
    tiling = Tiling.of((cells, 1), side, tiny_info(64))
    total: npt.NDArray[np.float64] = np.zeros(tiling.grid[0])
    for (start, stop), weight in zip(tiling.rows, blending(tiling.rows, tiling.grid[0]), strict=True):
        assert stop - start <= 64
        total[start:stop] += weight
    assert total == pytest.approx(1, abs=1e-5)


def test_the_scores_of_huge_pictures_stay_within_the_limit() -> None:
    many = ModelInfo("many", Classes.named([str(number) for number in range(150)]), 512)
    for size, side in (((20_000, 20_000), 512), ((4_000, 100_000), 300), ((20_000, 20_000), 4000)):
        tiling = Tiling.of(size, side, many)
        assert 4 * 150 * tiling.grid[0] * tiling.grid[1] <= 460_000_000
        top = max(max(tiling.scored_size(row, column)) for row, column in tiling.tiles)
        assert top <= 512


def test_views_cleaning_and_the_crf_work_in_tiles(predictor: Predictor, tmp_path: Path) -> None:
    picture = clouds(150, 220)

    class Halving:
        identity = "halving"

        def __call__(
            self, image: RGBImage, probabilities: npt.NDArray[np.float32]
        ) -> npt.NDArray[np.float32]:
            seen.append(image.shape[:2])
            return probabilities[:, ::2, ::2].copy()

    seen: list[tuple[int, ...]] = []
    plain = Predictor(predictor.engine, predictor.info, tiles=100)
    result = Predictor(predictor.engine, predictor.info, refiner=Halving(), tiles=100)(picture)
    assert set(seen) <= {(100, 100), (100, 96), (96, 100), (96, 96)}  # the CRF sees tiles in their own size
    assert len(seen) == 6 and "refined" in " ".join(result.notes())
    assert (result.labels == plain(picture).labels).mean() > 0.9
    views = Predictor(predictor.engine, predictor.info, views=Views((0.75, 1.0), flip=True), tiles=100)
    assert (views(picture).labels == plain(picture).labels).mean() > 0.9
    cleaned = plain.with_cleaning(Cleaning(largest=True))(picture)
    assert cleaned.scored_size == plain(picture).scored_size
    assert len({plain.identity, views.identity, predictor.identity}) == 3


def test_files_arrays_and_turned_photos_give_the_same(predictor: Predictor, tmp_path: Path) -> None:
    picture = clouds(150, 220)
    tiled = Predictor(predictor.engine, predictor.info, tiles=64)
    expected = tiled(picture).labels
    Image.fromarray(picture).save(tmp_path / "x.png")
    Image.fromarray(picture).save(tmp_path / "x.tif", compression="tiff_deflate")
    turned = Image.fromarray(picture).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[274] = 6  # turn by 270 degrees
    turned.save(tmp_path / "turned.png", exif=exif)
    for name in ("x.png", "x.tif", "turned.png"):
        assert np.array_equal(tiled(tmp_path / name).labels, expected), name
    assert np.array_equal(tiled((tmp_path / "x.png").read_bytes()).labels, expected)


@pytest.mark.parametrize("tiles", [0, -5, 31, 100.5, "small", "400", True])
def test_tiles_of_no_side_are_refused(tiles: object) -> None:
    with pytest.raises(
        ValueError, match=r'tiles is "auto", or the side of a tile in pixels, at least 32; got'
    ):
        check_tiles(tiles)  # type: ignore[arg-type]


def test_a_tile_too_large_for_memory_is_refused_before_it_is_read(predictor: Predictor) -> None:
    large = ModelInfo("large", CLASSES, 20_000)
    huge = Image.new("L", (20_000, 3_000))
    with pytest.raises(ModelError, match="takes more than"):
        Predictor(predictor.engine, large, tiles=15_000)(huge)
