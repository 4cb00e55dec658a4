"""What matplotlib's figures are drawn on, and the file that they become."""
