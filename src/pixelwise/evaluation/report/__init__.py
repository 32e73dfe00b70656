"""Write an evaluation as an HTML page."""
