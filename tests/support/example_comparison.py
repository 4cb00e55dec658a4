"""A comparison of 9,400 pairs that regressed, made up so that each number can be told."""

import numpy as np

from mnist_batch.evaluation.comparison.result import Comparison, Verdict
from mnist_batch.evaluation.comparison.verdict import paired_scores

COUNTS = np.zeros((10, 2, 2), np.int64)
COUNTS[:, 0, 0], COUNTS[:, 1, 1] = 12, 920
COUNTS[3, 0, 1] = 7
COUNTS[4, 1, 0] = 31
COUNTS[9, 0, 1], COUNTS[9, 1, 0] = 2, 5

_OVERALL, _PER_DIGIT = paired_scores(COUNTS)

COMPARISON = Comparison(
    verdict=Verdict.REGRESSED,
    joined_on="source and row",
    base_rows=9_500,
    new_rows=9_800,
    pairs=9_400,
    overall=_OVERALL,
    repeats=0,
    per_digit=_PER_DIGIT,
    regressed_digits=(4,),
    newly_wrong=36,
    newly_right=9,
    otherwise_wrong=17,
    changed_unlabelled=3,
    lost=2,
    gained=1,
    changed_labels=0,
    newly_confused=((4, 9, 30), (9, 4, 5), (4, 1, 1)),
    max_drop=0.001,
    notes=("images that both have, and that are compared: 9,400",),
)
