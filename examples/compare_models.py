"""Which of several models reads an input best? One predictions file and report for each.

Run: python examples/compare_models.py OUTPUT_FOLDER [MODEL.h5 ...]
"""

import sys
from pathlib import Path

import mnist_batch

folder, models = Path(sys.argv[1]), sys.argv[2:]
digits = Path(__file__).parent / "digits"
folder.mkdir(parents=True, exist_ok=True)

for model in [None, *models]:  # None is the model that comes with the package
    name = Path(model).stem if model else "default"
    summary = mnist_batch.predict(digits, folder / f"{name}.parquet", model=model, overwrite=True)
    low, high = summary.metrics.accuracy_interval or (0.0, 1.0)
    print(f"{name}: accuracy {summary.metrics.accuracy:.3f} ({low:.3f} to {high:.3f})")
