"""Kernels, strides and offsets compose as the paper says."""

from fractions import Fraction

import pytest

from pixelwise.models.layers.grid import Grid, bilinear_taps, compose, crop_offset


def test_layers_compose_by_the_papers_rule() -> None:
    # f of kernel k and stride s over g of k' and s': kernel k' + (k - 1) s', stride s s'.
    assert compose((3, 2), (11, 4)) == (11 + 2 * 4, 2 * 4)


def test_a_grid_grows_as_composed_layers_do() -> None:
    composed = compose((3, 2), compose((5, 1), (11, 4)))
    grid = Grid().through(11, 4).through(5).through(3, 2)
    assert (int(grid.field), int(grid.stride)) == composed


def test_padding_by_half_a_kernel_keeps_cells_on_pixels() -> None:
    assert Grid().through(7, 2, padding=3).through(3, 2, padding=1) == Grid(
        Fraction(4), Fraction(0), Fraction(11)
    )


def test_a_2x2_pooling_puts_cells_between_pixels() -> None:
    assert Grid().through(2, 2) == Grid(Fraction(2), Fraction(1, 2), Fraction(2))


def test_dilation_spreads_a_kernel() -> None:
    assert Grid().through(3, dilation=12) == Grid(Fraction(1), Fraction(12), Fraction(25))


def test_upsampling_undoes_the_stride() -> None:
    # Cells of stride 32 at 12.5: the first of 64 taps lies 31.5 pixels before.
    grid = Grid(Fraction(32), Fraction(25, 2), Fraction(404)).upsampled(64, 32)
    assert grid.stride == 1
    assert grid.offset == Fraction(25, 2) - Fraction(63, 2)
    assert grid.field == 404 + 32  # every pixel mixes two cells


def test_vgg16_by_hand_gives_the_papers_field_and_the_releases_offset() -> None:
    grid = Grid().through(3, padding=100).through(3, padding=1).through(2, 2)
    for convolutions in (2, 3, 3, 3):
        for _ in range(convolutions):
            grid = grid.through(3, padding=1)
        grid = grid.through(2, 2)
    grid = grid.through(7)
    assert grid.field == 404
    assert grid.stride == 32
    assert crop_offset(grid.upsampled(64, 32), Grid()) == 19


def test_maps_that_are_joined_cover_both_fields() -> None:
    wide, narrow = Grid().through(5, padding=2), Grid().through(3, padding=1)
    assert wide.beside(narrow) == wide
    assert Grid(field=Fraction(3)).beside(Grid(offset=Fraction(2))) == Grid(
        Fraction(1), Fraction(1, 2), Fraction(4)
    )


def test_maps_of_different_strides_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="strides 1 and 2"):
        Grid().beside(Grid(stride=Fraction(2)))


def test_crop_offsets_may_be_negative_but_not_between_cells() -> None:
    coarse = Grid(Fraction(16), Fraction(8), Fraction(1))
    assert crop_offset(coarse, coarse.shifted(5)) == 5
    assert crop_offset(coarse.shifted(5), coarse) == -5
    with pytest.raises(ValueError, match="never meet"):
        crop_offset(coarse, Grid(Fraction(16), Fraction(12), Fraction(1)))
    with pytest.raises(ValueError, match="strides 16 and 1"):
        crop_offset(coarse, Grid())


def test_kernels_of_2f_taps_are_for_cells_between_pixels() -> None:
    assert bilinear_taps(Grid(Fraction(32), Fraction(25, 2), Fraction(1)), 32, Grid()) == 64
    assert bilinear_taps(Grid(Fraction(32), Fraction(13), Fraction(1)), 32, Grid()) == 63
    with pytest.raises(ValueError, match="no bilinear filter of factor 32"):
        bilinear_taps(Grid(Fraction(32), Fraction(1, 4), Fraction(1)), 32, Grid())
