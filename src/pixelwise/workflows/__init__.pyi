"""Whole tasks as functions: what the verbs of the command line call, for scripts and notebooks."""

from .checking import Check, check
from .converting import boxes_to_masks, convert
from .crf_search import FoundPreset, search_crf
from .drawing import Preview, gallery, preview
from .evaluating import compare, evaluate
from .exporting import Exported, Wrapped, export, wrap
from .importing import CaffeImport, import_caffe
from .loading import LoadOptions, load
from .refining import RefinedClip, RefinedFile, refine_file, refine_folder, refine_video
from .segmenting import SegmentedFolder, segment_folder
from .serving import serve
from .training import TrainedRun, train

__all__ = [
    "CaffeImport",
    "Check",
    "Exported",
    "FoundPreset",
    "LoadOptions",
    "Preview",
    "RefinedClip",
    "RefinedFile",
    "SegmentedFolder",
    "TrainedRun",
    "Wrapped",
    "boxes_to_masks",
    "check",
    "compare",
    "convert",
    "evaluate",
    "export",
    "gallery",
    "import_caffe",
    "load",
    "preview",
    "refine_file",
    "refine_folder",
    "refine_video",
    "search_crf",
    "segment_folder",
    "serve",
    "train",
    "wrap",
]
