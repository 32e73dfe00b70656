"""Start a run: check the recipe, build the net, prepare the folder, choose the precision."""
