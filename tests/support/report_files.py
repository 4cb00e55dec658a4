"""The files of a report on rows of which some have labels, with samples."""

REPORT_FILES = {
    "metrics.json",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "per_class.csv",
    "per_class.png",
    "samples.png",
}
