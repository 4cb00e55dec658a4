"""Arrays of images in files: NumPy's .npz and .npy, and IDX as MNIST was published in."""
