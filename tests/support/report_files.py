"""Names of the files in a report that has labels and samples."""

REPORT_FILES = {
    "metrics.json",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "per_class.csv",
    "per_class.png",
    "samples.png",
}
