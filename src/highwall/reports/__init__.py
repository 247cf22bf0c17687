"""Reports to look at before reading: one HTML file for a training, one for an evaluation."""

from highwall.reports.evaluation import report_evaluation
from highwall.reports.training import FILE, report_training

__all__ = ["FILE", "report_evaluation", "report_training"]
