"""Whole tasks as functions: what the verbs of the command line call, for scripts and notebooks."""

from .checking import Check, check
from .clips import RefinedClip, refine_video
from .drawing import gallery
from .evaluating import evaluate
from .exporting import Exported, export
from .loading import load
from .segmenting import segment_folder
from .training import TrainedRun, train

__all__ = [
    "Check",
    "Exported",
    "RefinedClip",
    "TrainedRun",
    "check",
    "evaluate",
    "export",
    "gallery",
    "load",
    "refine_video",
    "segment_folder",
    "train",
]
