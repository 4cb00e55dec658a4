"""What a run finds in its rows beside the predictions."""

from pathlib import Path

from mnist_batch.commands.runs.run import Run
from mnist_batch.engines.findings import Findings
from mnist_batch.engines.part_rows import PartRows
from mnist_batch.options import OutputOptions, PredictOptions


def test_rows_of_an_earlier_run_count_but_were_not_predicted_now(digits_folder: Path) -> None:
    """They come without their images."""
    run = Run([digits_folder], None, PredictOptions())
    findings = Findings(OutputOptions(), run.classes, with_gallery=False)
    for batch in run.predict(run.parts):
        predictions = batch.predictions.select(run.schema.names)
        findings.add(PartRows(predictions, batch, None))
        findings.add(PartRows(predictions, None, None))
    assert findings.evaluator.rows == 60
    assert findings.predicted == 30
