"""The permutohedral lattice of cpp/crf/permutohedral.cpp in torch: on any device, with its transpose.

Source: Adams, Baek and Davis, "Fast high-dimensional filtering using the permutohedral lattice", 2010,
section 3. Coordinates of image features are often exactly equal, and the order of such ties determines which
vertices exist. So the order of operations is that of cpp/crf/lattice_isa.cpp, in float32, whatever the type
of the filtered values.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pixelwise.crf.potentials import Normalization

LARGEST_COORDINATE = 2**20
"""Up to this value float32 has an error of at most 1/16 of the lattice's unit."""

LARGEST_CODE = 2**62


@dataclass(frozen=True)
class Bags:
    """A sparse matrix: row r has its entries at columns indices[offsets[r] : offsets[r + 1]]."""

    indices: Tensor
    offsets: Tensor
    entries: Tensor

    def __matmul__(self, dense: Tensor) -> Tensor:
        return F.embedding_bag(
            self.indices,
            dense,
            self.offsets,
            mode="sum",
            per_sample_weights=self.entries,
            include_last_offset=True,
        )


class Lattice:
    """A normalised Gaussian filter K = slice blur splat, of (d, N) float32 features in standard deviations.

    Pixels have their values in (N, C), vertices in (V, C), both of type `dtype`. Raises ValueError for
    features that are not finite, or so far apart that floats cannot distinguish neighbouring vertices.
    """

    def __init__(self, features: Tensor, normalization: Normalization, dtype: torch.dtype) -> None:
        simplices, shares = _locate(features)
        corners, keys = _corners(simplices)
        self.vertices = len(keys.rows)
        self._blurs = [_blur(keys, direction, dtype) for direction in range(corners.shape[1])]
        incidence = _incidence(corners, self.vertices)

        # Splat and slice shares add up to 1, each blur to 2; the gain brings their product back to 1.
        gain = 1 / (1 + 2.0 ** -features.shape[0])
        shares = shares.to(dtype) * gain**0.5
        self._splat, self._splat_transposed = incidence(shares)
        self._slice, self._slice_transposed = self._splat_transposed, self._splat
        if normalization == "none":
            return
        total = self.slice(self.blur(self.splat(shares.new_ones(len(shares), 1)))) + 1e-20
        if normalization == "before":
            self._splat, self._splat_transposed = incidence(shares / total)
        elif normalization == "after":
            self._slice_transposed, self._slice = incidence(shares / total)
        else:
            self._splat, self._splat_transposed = incidence(shares / total.sqrt())
            self._slice, self._slice_transposed = self._splat_transposed, self._splat

    def splat(self, values: Tensor) -> Tensor:
        """From pixels to vertices."""
        return self._splat @ values

    def blur(self, rows: Tensor) -> Tensor:
        """Blur along each direction in turn."""
        return _product(self._blurs, rows)

    def slice(self, rows: Tensor) -> Tensor:
        """From vertices to pixels."""
        return self._slice @ rows

    def slice_transposed(self, values: Tensor) -> Tensor:
        """From pixels to vertices."""
        return self._slice_transposed @ values

    def blur_transposed(self, rows: Tensor) -> Tensor:
        """The blur along each direction is symmetric, so the transpose only reverses their order."""
        return _product(reversed(self._blurs), rows)

    def splat_transposed(self, rows: Tensor) -> Tensor:
        """From vertices to pixels."""
        return self._splat_transposed @ rows


def _product(matrices: Iterable[Bags], rows: Tensor) -> Tensor:
    for matrix in matrices:
        rows = matrix @ rows
    return rows


def _locate(features: Tensor) -> tuple[Tensor, Tensor]:
    """The key of each pixel's simplex, (N, d) integers: along each axis its base point minus the rank of that
    axis; and barycentric coordinates (N, d + 1)."""
    d = features.shape[0]
    cell = float(d + 1)
    per_cell = float(np.float32(1) / np.float32(cell))
    deviation = float(np.float32(np.sqrt(2 / 3) * cell))

    elevated = features.new_empty(d + 1, features.shape[1])
    partial = torch.zeros_like(features[0])
    for j in range(d, 0, -1):
        scaled = features[j - 1] * float(np.float32(1 / np.sqrt((j + 1.0) * j) * deviation))
        step = j * scaled
        elevated[j] = partial - step  # two operations, which no device may fuse
        partial = partial + scaled
    elevated[0] = partial
    if not elevated.abs().max() < LARGEST_COORDINATE:  # not so for NaN either
        spread = (features.amax(1) - features.amin(1)).max()
        raise ValueError(
            "its features are not finite, or reach further than a lattice of floats can resolve; "
            + (
                "they lie far from 0 but near each other: subtract their mean"
                if spread < LARGEST_COORDINATE / 4
                else "widths (theta) so small make every pixel its own only neighbour: raise them"
            )
        )

    # The nearest point whose coordinates are all multiples of d + 1; it may lie off the plane of sum 0.
    nearest = (per_cell * elevated).round()  # ties to even
    base = nearest * cell
    offset = elevated - base
    rank = torch.empty_like(base)  # how many offsets are larger; among equals the higher axis has the higher
    for i in range(d + 1):
        rank[i] = (offset > offset[i]).sum(0) + (offset[:i] == offset[i]).sum(0)

    # Back onto the plane: the axes of extreme rank move by one cell.
    moved = rank + nearest.sum(0)
    shift = cell * ((moved < 0).float() - (moved >= cell).float())
    rank, base = moved + shift, base + shift

    # Differences of neighbours in the order of rank are the barycentric coordinates.
    falling = torch.empty_like(base)
    falling.scatter_(0, rank.long(), (elevated - base) * per_cell)
    shares = torch.empty_like(base)
    shares[0] = falling[d] + (1 - falling[0])
    shares[1:] = (falling[:d] - falling[1:]).flip(0)
    return (base - rank)[:d].T.long(), shares.T.contiguous()


def _corners(simplices: Tensor) -> tuple[Tensor, "Keys"]:
    """The vertices around each pixel, (N, d + 1) numbers, and their coordinates."""
    d = simplices.shape[1]
    distinct = Keys(simplices, margin=0)
    base = -(-distinct.rows).div(d + 1, rounding_mode="floor") * (d + 1)
    rank = base - distinct.rows
    # Vertex r is r steps along all axes from the base, and a cell back on the r axes of the highest rank.
    r = torch.arange(d + 1, device=simplices.device)[:, None]
    around = base[:, None] + r - (d + 1) * (rank[:, None] > d - r)
    keys = Keys(around.reshape(-1, d), margin=d + 1)
    return keys.numbers.reshape(-1, d + 1)[distinct.numbers], keys


def _incidence(corners: Tensor, vertices: int) -> Callable[[Tensor], tuple[Bags, Bags]]:
    """A function that makes two matrices, from pixels to vertices and back, of the weights (N, d + 1) of the
    pixels' corners."""
    flat = corners.flatten()
    by_vertex = flat.argsort(stable=True)
    pixel = by_vertex.div(corners.shape[1], rounding_mode="floor").int()
    vertex_ends = F.pad(torch.bincount(flat, minlength=vertices).cumsum(0), (1, 0)).int()
    pixel_ends = _every(corners.shape[1], len(corners), flat.device)
    vertex = flat.int()

    def matrices(weights: Tensor) -> tuple[Bags, Bags]:
        entries = weights.flatten()
        return Bags(pixel, vertex_ends, entries[by_vertex]), Bags(vertex, pixel_ends, entries)

    return matrices


def _blur(keys: "Keys", direction: int, dtype: torch.dtype) -> Bags:
    """new = old + (one neighbour + the other) / 2, where a missing one counts 0."""
    count, d = keys.rows.shape
    own = torch.arange(count, device=keys.rows.device)
    step = torch.ones_like(keys.rows[0])
    if direction < d:
        step[direction] = -d
    after = keys.find(keys.rows + step)
    before = torch.full((count + 1,), -1, device=own.device)
    before[torch.where(after < 0, count, after)] = own
    columns = torch.stack([before[:-1], own, after], dim=1)
    entries = (columns >= 0).to(dtype) / 2
    entries[:, 1] = 1
    return Bags(columns.clamp(min=0).int().flatten(), _every(3, count, own.device), entries.flatten())


def _every(step: int, count: int, device: torch.device) -> Tensor:
    """Offsets of `count` bags with `step` entries each."""
    return torch.arange(0, step * count + 1, step, dtype=torch.int32, device=device)


class Keys:
    """Numbers the distinct rows of an integer array, and finds the number of a row.

    As many columns as fit are packed into a 64-bit code. If not all fit, the number of the columns packed so
    far goes into the next code. `margin`: how far rows to find may lie outside the range of `rows`.
    """

    def __init__(self, rows: Tensor, margin: int) -> None:
        self._low = rows.amin(0) - margin
        sizes = (rows.amax(0) + margin + 1 - self._low).tolist()
        self._parts: list[tuple[slice, Tensor, int, Tensor]] = []
        self.numbers = torch.zeros_like(rows[:, 0])  # of the rows given
        count, column = 1, 0
        while column < len(sizes):
            first, span, places = column, 1, []
            while column < len(sizes) and count * span * sizes[column] <= LARGEST_CODE:
                places.append(span)
                span *= sizes[column]
                column += 1
            part, place = slice(first, column), torch.tensor(places, device=rows.device)
            codes = self._codes(rows, self.numbers, part, place, span)
            known, self.numbers = torch.unique(codes, return_inverse=True)
            self._parts.append((part, place, span, known))
            count = len(known)
        self.rows = rows.new_empty(count, rows.shape[1])  # distinct, by number
        self.rows[self.numbers] = rows

    def find(self, rows: Tensor) -> Tensor:
        """The number of each row, -1 for unknown rows."""
        numbers = torch.zeros_like(rows[:, 0])
        found = torch.ones_like(numbers, dtype=torch.bool)
        for part, place, span, known in self._parts:
            codes = self._codes(rows, numbers, part, place, span)
            numbers = torch.searchsorted(known, codes).clamp(max=len(known) - 1)
            found &= known[numbers] == codes
        return torch.where(found, numbers, -1)

    def _codes(self, rows: Tensor, numbers: Tensor, part: slice, place: Tensor, span: int) -> Tensor:
        return numbers * span + ((rows[:, part] - self._low[part]) * place).sum(1)
