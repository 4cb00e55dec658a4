"""Two sets of predictions of the same images: which rows changed, and whether it is chance."""
