"""Pictures and data sets by the million, on a Ray cluster. Needs the extra `distributed`."""

from .checking import check
from .evaluating import evaluate
from .segmenting import segment

__all__ = ["check", "evaluate", "segment"]
