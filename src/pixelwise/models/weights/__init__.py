"""Load weights from files of torchvision, timm and Caffe."""
