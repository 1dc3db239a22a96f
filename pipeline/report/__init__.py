"""The report of a training: how the new model did on sales that it had not seen, as figures and pictures.

It is made in the training process and kept in the object store beside the validation's; whoever posts it
finds the keys in the training's result.
"""

from pipeline.report.figures import Report, report_of
from pipeline.report.keep import keep_report

__all__ = ["Report", "keep_report", "report_of"]
