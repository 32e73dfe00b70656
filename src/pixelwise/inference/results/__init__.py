"""What is made of a segmentation: cleaned labels, pictures, files in a folder and the record of them."""
