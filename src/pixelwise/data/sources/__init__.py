"""The kinds of data sets, one file a kind."""
