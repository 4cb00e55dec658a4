"""What MNIST's images are: their size, their ten classes, and the form that they share.

The form is Yann LeCun's description of the data set, https://yann.lecun.org/exdb/mnist/: light
strokes on black, fitted into a box of 20x20 pixels, and placed so that their centre of mass is the
centre of the image of 28x28.
"""

SIDE = 28
"""Rows and columns of an image."""

PIXELS = SIDE * SIDE
"""Pixels of an image."""

CLASSES = 10
"""The digits 0 to 9."""

BOX = 20
"""Rows and columns that the ink may take."""

CENTRE = SIDE // 2
"""Row and column of the centre of mass, as an index from 0."""
