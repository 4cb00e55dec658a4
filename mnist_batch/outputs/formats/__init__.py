"""How predictions are read: one module a format."""
