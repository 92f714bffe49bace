"""The evaluation's report: one static HTML file, and its pictures as PNG."""

from lfsr_tf.evaluation.report.curves import read_history
from lfsr_tf.evaluation.report.images import write_pictures
from lfsr_tf.evaluation.report.render import write_report

__all__ = ["read_history", "write_pictures", "write_report"]
