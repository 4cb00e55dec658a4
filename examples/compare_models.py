"""Compare models on one input: a predictions file and a report for each.

Run: python examples/compare_models.py [MODEL.h5 ...]
"""

import sys
from pathlib import Path

import mnist_batch

digits = Path(__file__).parent / "digits"
folder = Path("comparison")
folder.mkdir(exist_ok=True)

for number, model in enumerate([None, *sys.argv[1:]]):  # None is the model of the package
    name = f"{number}-{Path(model).stem if model else 'default'}"
    summary = mnist_batch.predict(digits, folder / f"{name}.parquet", model=model, overwrite=True)
    low, high = summary.metrics.accuracy_interval or (0.0, 1.0)
    print(f"{name}: accuracy {summary.metrics.accuracy:.3f} ({low:.3f} to {high:.3f})")
