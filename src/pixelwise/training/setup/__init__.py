"""How a run starts: the rules for recipes, the net, the folder, the arithmetic."""
