"""What the commands share: their options, in groups, and what follows from them."""
