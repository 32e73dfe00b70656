"""Networks and the surgery that makes classifiers fully convolutional."""
