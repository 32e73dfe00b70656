"""Labelled images from files: one module per source, one form for all of them."""

from pixelwise.data.class_map import ClassMap, parse_classes
from pixelwise.data.sample import LabelledImages, Pair, Sample
from pixelwise.data.spec import open_dataset

__all__ = ["ClassMap", "LabelledImages", "Pair", "Sample", "open_dataset", "parse_classes"]
