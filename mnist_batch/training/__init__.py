"""The network, its data, augmentation and fitting."""
