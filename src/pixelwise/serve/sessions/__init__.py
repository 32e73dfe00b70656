"""The pictures that the page has open, each with a CRF that is changed and stepped."""
