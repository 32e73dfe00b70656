"""Recipes by name; each is a module with a RECIPE and a header that says what it cost and gave."""
