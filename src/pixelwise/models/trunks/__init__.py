"""The convolutional parts of classifiers."""
