"""From a photo to a segmentation: reading, scoring, results, folders. No torch but in its engine."""
