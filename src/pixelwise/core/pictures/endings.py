"""File name extensions of pictures and of videos."""

# fmt: off
IMAGE_SUFFIXES = frozenset({
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jfif", ".jp2",
    ".jpe", ".jpeg", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png",
    ".pnm", ".ppm", ".psd", ".qoi", ".ras", ".sgi", ".tga", ".tif", ".tiff", ".webp",
})
"""Files in folders with these extensions, in upper or lower case, count as pictures. HEIC is listed although
it needs an extra: an error that names the file is better than silence."""

SEVERAL_SUFFIXES = frozenset({
    ".apng", ".avif", ".gif", ".heic", ".heif", ".hif", ".png", ".tif", ".tiff", ".webp",
})
"""Pictures that may hold several frames or pages."""

VIDEO_SUFFIXES = frozenset({
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".ogv", ".webm", ".wmv",
})

RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".kdc", ".mrw", ".nef", ".nrw",
    ".orf", ".pef", ".raf", ".raw", ".rw2", ".sr2", ".srf", ".srw", ".x3f",
})
"""What cameras write before it is developed. Pillow would open some as the small preview inside."""
# fmt: on
