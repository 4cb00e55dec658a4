"""List the digits that the model is least sure of: predictions as pandas tables, batch by batch.

Run: python examples/hard_digits.py [INPUT]
"""

import sys
from pathlib import Path

import pandas as pd

import mnist_batch

digits = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "digits"

# stream() is lazy: an input of any size could be filtered here in little memory.
unsure = [
    table[table["confidence"] < 0.9]
    for table in (batch.to_pandas() for batch in mnist_batch.stream(digits))
]
table = pd.concat(unsure).sort_values("confidence")
columns = ["source", "row", "label", "prediction", "confidence"]
print(f"unsure of {len(table)} digits; the least sure:")
print(table[columns].head(10).to_string(index=False))
