"""Backbones: the convolutional parts of classifiers."""
