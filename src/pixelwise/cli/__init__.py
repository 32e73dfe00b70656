"""The command `pixelwise`: one file per verb."""
