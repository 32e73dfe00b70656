"""The kinds of data sets, one file per kind."""
