"""First-layer filters for another number of input channels than colour has."""

import torch


def with_depth(weight: torch.Tensor, channels: int) -> torch.Tensor:
    """(O, 3, h, w) filters with further channels that begin as the mean over those of colour, as in FCN's
    early fusion of depth.
    """
    extra = weight.mean(1, keepdim=True).expand(-1, channels - weight.shape[1], -1, -1)
    return torch.cat([weight, extra], 1)


def for_bands(weight: torch.Tensor, bands: int) -> torch.Tensor:
    """(O, 3, h, w) filters for a number of bands: the first three keep theirs, further ones begin as the mean
    over those of colour; one or two bands all begin as that mean. All are multiplied by 3 / bands, so that
    the sums behind the filters stay about as large.
    """
    whole = weight.mean(1, keepdim=True).expand(-1, bands, -1, -1) if bands < 3 else with_depth(weight, bands)
    return whole * (3 / bands)
