"""How fast mnist-batch is and how much memory it takes, and the same of other ways."""
