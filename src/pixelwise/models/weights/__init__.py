"""Weights from files: torchvision's, timm's, Caffe's."""
