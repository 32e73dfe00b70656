"""Decimate the taps and filters of a layer. Source: Chen et al. 2015, section 3.2."""

import torch


def decimate(
    weights: torch.Tensor, taps: int | None = None, filters: int | None = None, channels: int | None = None
) -> torch.Tensor:
    """Weights (O, I, k, k) to (filters, channels, taps, taps), or biases (O) to (filters); None keeps.

    Of k taps the first and the last stay, and those nearest to equal steps between them: 7 to 4 takes 0, 2,
    4, 6 and 7 to 3 takes 0, 3, 6, as in the paper; 6 to 3, for AlexNet, takes 0, 2, 5. Of O filters every
    O / filters-th stays, starting with the first, and so with channels; the papers only say that they are a
    subset. A layer on decimated filters needs the same of its channels. Raises ValueError if O cannot be
    divided so, and unless there are 2 to k taps.
    """
    for axis, wanted in ((0, filters), (1, channels)):
        if wanted is None:
            continue
        length = weights.shape[axis]
        if wanted < 1 or length % wanted:
            raise ValueError(f"cannot take every n-th of {length} to get {wanted}")
        weights = weights.index_select(axis, torch.arange(0, length, length // wanted))
    if taps is not None:
        length = weights.shape[-1]
        if not 2 <= taps <= length:
            raise ValueError(f"2 to {length} of {length} taps can stay, with both ends, got {taps}")
        kept = torch.linspace(0, length - 1, taps, dtype=torch.float64).round().long()
        weights = weights[..., kept[:, None], kept]
    return weights.contiguous()
