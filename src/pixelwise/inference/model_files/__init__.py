"""Model files: what they say of themselves, how they are read and written."""
