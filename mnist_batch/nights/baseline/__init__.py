"""What a night is held against: which one, whether over the same images, and what differs."""
