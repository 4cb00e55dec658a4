"""Where a report lies decides what writes it: a folder of this machine, or object storage.

What writes to object storage is imported where a report lies there: most runs do without.
"""

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mnist_batch.remote.addresses import Place, is_remote, refuse_unknown
from mnist_batch.reports.report import Report, report_folder

if TYPE_CHECKING:
    from mnist_batch.reports.evaluation.stored_report import StoredReport

AnyReport: TypeAlias = "Report | StoredReport"


def report_place(out: Place, report: str | Path | bool, *, is_folder: bool = False) -> Place | None:
    """Return where the report on `out` goes: True for beside it, as `report_folder` says.

    Raises:
        OutputError: it looks like an address, and is of no store.
    """
    if not isinstance(report, bool):
        refuse_unknown(report)
    if isinstance(report, str) and is_remote(report):
        return report
    if isinstance(out, Path):
        return report_folder(out, report, is_folder=is_folder)
    if report is True:
        from mnist_batch.outputs.stored.stored_file import report_address

        return report_address(out, is_folder=is_folder)
    return Path(report) if report else None


def report_at(place: Place, *, overwrite: bool) -> AnyReport:
    """Return the report of a folder, on this machine or on object storage; errors are its own."""
    if isinstance(place, str):
        from mnist_batch.reports.evaluation.stored_report import StoredReport

        return StoredReport(place, overwrite=overwrite)
    return Report(place, overwrite=overwrite)
