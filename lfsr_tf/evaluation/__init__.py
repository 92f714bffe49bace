"""How good is a network: simulated and measured tests against baselines, figures with intervals, a report."""

from lfsr_tf.evaluation.calibration import calibrate
from lfsr_tf.evaluation.config import EvaluationConfig
from lfsr_tf.evaluation.measured import with_measured_kspace
from lfsr_tf.evaluation.outer_band import OuterBandScore, outer_band_scores
from lfsr_tf.evaluation.output import write_results
from lfsr_tf.evaluation.report import read_history, write_pictures, write_report
from lfsr_tf.evaluation.results import Picture, Results, SliceScore, write_csv
from lfsr_tf.evaluation.study import compare, evaluate
from lfsr_tf.evaluation.tables import Summary, differences, summaries, to_json

__all__ = [
    "EvaluationConfig",
    "OuterBandScore",
    "Picture",
    "Results",
    "SliceScore",
    "Summary",
    "calibrate",
    "compare",
    "differences",
    "evaluate",
    "outer_band_scores",
    "read_history",
    "summaries",
    "to_json",
    "with_measured_kspace",
    "write_csv",
    "write_pictures",
    "write_report",
    "write_results",
]
