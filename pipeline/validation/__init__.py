"""The gate between what was collected and what is learnt from: a bad table stops here, with its reason.

Great Expectations does the checking and is imported only when a table is checked, because it costs
seconds and 200 MB: run `validate` in a process that trains, never in the bot's.
"""

from pipeline.validation.gate import Finding, ValidationFailed, ValidationReport, validate
from pipeline.validation.page import save_report

__all__ = ["Finding", "ValidationFailed", "ValidationReport", "save_report", "validate"]
