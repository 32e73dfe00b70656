"""Labelled images from files: one module per source, one form for all of them."""

from pixelwise.data.class_map import ClassMap, parse_classes
from pixelwise.data.sample import Entry, LabelledImages, Sample
from pixelwise.data.spec import SOURCES, open_dataset

__all__ = ["SOURCES", "ClassMap", "Entry", "LabelledImages", "Sample", "open_dataset", "parse_classes"]
