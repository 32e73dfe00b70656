"""Model files: metadata, reading and writing."""
