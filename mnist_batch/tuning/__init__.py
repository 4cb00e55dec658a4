"""What `mnist-batch benchmark` measures and recommends."""
