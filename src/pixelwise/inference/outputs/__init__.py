"""The folder of a run: records of what is finished, and files about all pictures."""
