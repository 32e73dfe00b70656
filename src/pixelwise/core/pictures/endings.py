"""The endings of file names that say "picture"."""

# fmt: off
IMAGE_SUFFIXES = frozenset({
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".j2k", ".jfif", ".jp2",
    ".jpe", ".jpeg", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png",
    ".pnm", ".ppm", ".psd", ".qoi", ".ras", ".sgi", ".tga", ".tif", ".tiff", ".webp",
})
# fmt: on
"""What is taken for a picture in folders, in any case of letters. HEIC is among them, which is not read: an
error that names the file is better than silence."""
