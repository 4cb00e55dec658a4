"""What an input or a model file holds."""
