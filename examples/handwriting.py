"""Show what preparing does: handwriting as it is, only resized, and brought to MNIST form.

Run: python examples/handwriting.py [OUT.png]
"""

import io
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import mnist_batch
from mnist_batch.decoding.decode import decode_image, resized
from mnist_batch.preprocessing.mnist_form import to_mnist_form
from mnist_batch.synthetic.pictures import draw_scene
from mnist_batch.synthetic.scenes import FEATURES

out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
digits = (2, 5, 3, 4, 7, 9, 8)
predictor = mnist_batch.load_model()

figure = Figure(figsize=(10.5, 5.2), dpi=100)
cells = figure.subplots(3, len(FEATURES), gridspec_kw={"hspace": 0.28, "wspace": 0.12})
for cell in cells.flat:
    cell.set_xticks([])
    cell.set_yticks([])
for column, (name, scene) in enumerate(FEATURES.items()):
    picture = draw_scene(digits[column], scene, np.random.default_rng(column))
    grey = decode_image(picture.content)
    assert not isinstance(grey, str), grey
    prepared = to_mnist_form(grey).image
    assert prepared is not None
    inputs = np.stack([resized(grey), prepared])
    cells[0, column].imshow(Image.open(io.BytesIO(picture.content)))
    cells[0, column].set_title(name, fontsize=11)
    for row, probabilities in enumerate(predictor.probabilities(inputs), start=1):
        read = int(probabilities.argmax())
        cells[row, column].imshow(inputs[row - 1], cmap="gray", vmin=0, vmax=255)
        cells[row, column].set_title(
            f"{read}  {probabilities[read]:.1%}",
            fontsize=11,
            color="#2e7d32" if read == digits[column] else "#c62828",
        )
for row, title in enumerate(("your picture", "only resized", "prepared")):
    cells[row, 0].set_ylabel(title, fontsize=12)
figure.subplots_adjust(left=0.035, right=0.995, top=0.94, bottom=0.01)
figure.savefig(out)
