"""Decimate the taps and filters of a layer. Source: Chen et al. 2015, section 3.2."""

import torch


def decimate(
    weights: torch.Tensor, taps: int | None = None, filters: int | None = None, channels: int | None = None
) -> torch.Tensor:
    """Weights (O, I, k, k) to (filters, channels, taps, taps), or biases (O) to (filters); None keeps.

    Of k taps every (k - 1) / (taps - 1)-th stays, first and last among them: 7 to 4 takes 0, 2, 4, 6 and 7 to
    3 takes 0, 3, 6. Of O filters every O / filters-th stays from the first on, and so with channels; the
    papers only say that they are a subset. A layer on decimated filters needs the same of its channels.
    Raises ValueError if a division leaves a rest.
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
        if taps < 2 or (length - 1) % (taps - 1):
            raise ValueError(f"cannot take every n-th of {length} taps, with both ends, to get {taps}")
        step = (length - 1) // (taps - 1)
        weights = weights[..., ::step, ::step]
    return weights.contiguous()
