"""The report's first lines: what was found, in words that need no statistics."""

from __future__ import annotations

from dataclasses import dataclass

from lfsr_tf.evaluation.methods import MODEL
from lfsr_tf.evaluation.report.labels import METHOD_LABELS
from lfsr_tf.evaluation.results import Results
from lfsr_tf.evaluation.tables import ALL, Summary, lookup, subject_differences


@dataclass(frozen=True)
class Verdict:
    """How the network does at one noise level.

    Attributes:
        sigma: The noise level.
        gain: PSNR inside the head mask, network minus best baseline, dB.
        rival: Label of the best baseline.
        low: Lower end of the gain's interval; None for a single subject.
        high: Upper end.
        better: Subjects in whom the network is closer to the truth than that baseline.
        subjects: Number of subjects.
        ssim_gain: The same difference in SSIM against the baseline with the best SSIM.
        tone: "better", "worse" or "even", for the colour.
        sentence: The finding in words.
    """

    sigma: float
    gain: float
    rival: str
    low: float | None
    high: float | None
    better: int
    subjects: int
    ssim_gain: float
    tone: str
    sentence: str


def verdicts(results: Results, rows: tuple[Summary, ...], gaps: tuple[Summary, ...]) -> tuple[Verdict, ...]:
    """One finding for each noise level, against the best baseline at that level.

    Args:
        results: The evaluation.
        rows: From `summaries`.
        gaps: From `differences`.
    """
    return tuple(_verdict(results, rows, gaps, sigma) for sigma in results.config.sigmas)


def headline(found: tuple[Verdict, ...]) -> str:
    """One sentence over all noise levels."""
    by_tone = {
        tone: [verdict for verdict in found if verdict.tone == tone] for tone in ("better", "even", "worse")
    }
    parts = [
        f"{phrase} at {_levels(by_tone[tone])}"
        for tone, phrase in (
            ("better", "closer to the truth than the best baseline"),
            ("even", "not told apart from the best baseline"),
            ("worse", "further from the truth than the best baseline"),
        )
        if by_tone[tone]
    ]
    return f"In simulated low-field scans the network is {'; '.join(parts)}."


def _levels(found: list[Verdict]) -> str:
    sigmas = [f"{verdict.sigma:g}" for verdict in found]
    return f"σ = {sigmas[0]}" if len(sigmas) == 1 else f"σ = {', '.join(sigmas[:-1])} and {sigmas[-1]}"


def _verdict(results: Results, rows: tuple[Summary, ...], gaps: tuple[Summary, ...], sigma: float) -> Verdict:
    rival = _best_baseline(results, rows, "psnr", sigma)
    gap = lookup(gaps, contrast=ALL, sigma=sigma, region="head", metric="psnr", method=rival)
    per_subject = [table[rival][f"{sigma:g}"] for table in subject_differences(results).values()]
    better = sum(value > 0.0 for value in per_subject)
    sharpest = _best_baseline(results, rows, "ssim", sigma)
    ssim_gap = lookup(gaps, contrast=ALL, sigma=sigma, region="head", metric="ssim", method=sharpest)
    tone = _tone(gap)
    return Verdict(
        sigma=sigma,
        gain=gap.mean,
        rival=METHOD_LABELS[rival],
        low=gap.low,
        high=gap.high,
        better=better,
        subjects=len(per_subject),
        ssim_gain=ssim_gap.mean,
        tone=tone,
        sentence=_sentence(gap, tone, METHOD_LABELS[rival].lower(), better, len(per_subject)),
    )


def _best_baseline(results: Results, rows: tuple[Summary, ...], metric: str, sigma: float) -> str:
    cells = {
        row.method: row.mean
        for row in rows
        if (row.contrast, row.sigma, row.region, row.metric) == (ALL, sigma, "head", metric)
        and row.method != MODEL
    }
    return max(cells, key=lambda method: cells[method])


def _tone(gap: Summary) -> str:
    if gap.low is None or gap.high is None or gap.low <= 0.0 <= gap.high:
        return "even"
    return "better" if gap.mean > 0.0 else "worse"


def _sentence(gap: Summary, tone: str, rival: str, better: int, subjects: int) -> str:
    direction = "closer to the truth than" if gap.mean >= 0.0 else "further from the truth than"
    people = f"better in {better} of {subjects} {'subject' if subjects == 1 else 'subjects'}"
    start = f"{abs(gap.mean):.2f} dB {direction} {rival}, the best of the baselines; {people}."
    if subjects < 2:
        return f"{start} One subject says nothing about others."
    if tone == "even":
        return f"{start} With other subjects it could be the other way round."
    return start
