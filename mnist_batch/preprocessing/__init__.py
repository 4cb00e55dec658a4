"""Any picture of a digit to MNIST form."""
