"""The report's first lines: what was found, in words that need no statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lfsr_tf.evaluation.report.labels import METHOD_LABELS, listed, signed
from lfsr_tf.evaluation.results import Results
from lfsr_tf.evaluation.tables import ALL, Summary, differences, lookup, subject_differences, summaries


@dataclass(frozen=True)
class Verdict:
    """How the network does at one noise level.

    Attributes:
        sigma: The noise level.
        gain: PSNR inside the head mask, network minus best baseline, dB.
        rival: Label of the best baseline.
        low: Lower end of the gain's interval; None for a single subject.
        high: Upper end.
        ssim_gain: The same difference in SSIM against the baseline with the best SSIM.
        tone: "better", "worse" or "even", for the colour.
        sentence: The finding in words.
    """

    sigma: float
    gain: float
    rival: str
    low: float | None
    high: float | None
    ssim_gain: float
    tone: str
    sentence: str


def verdicts(results: Results) -> tuple[Verdict, ...]:
    """One finding for each noise level, against the best baseline at that level."""
    return tuple(_verdict(results, sigma) for sigma in results.config.sigmas)


def headline(found: tuple[Verdict, ...]) -> str:
    """One sentence over all noise levels."""
    standing = _standing("the best baseline", [(verdict.tone, f"{verdict.sigma:g}") for verdict in found])
    return f"In simulated low-field scans the network is {standing}."


def standings(results: Results) -> tuple[str, ...]:
    """How the network does beside each other one, a sentence each, by the rule of the headline."""
    return tuple(
        f"It is {_standing(f'the network {name}', _levels(results, name))}." for name in results.against
    )


def _levels(results: Results, rival: str) -> Iterator[tuple[str, str]]:
    """The tone at each noise level, and the level with the difference in PSNR."""
    for sigma in results.config.sigmas:
        gap = _difference(results, "psnr", sigma, rival)
        yield _tone(gap), f"{sigma:g} ({signed(gap.mean, 2)} dB)"


def _standing(rival: str, levels: Iterable[tuple[str, str]]) -> str:
    """Tones and noise levels in words."""
    by_tone: dict[str, list[str]] = {}
    for tone, level in levels:
        by_tone.setdefault(tone, []).append(level)
    phrases = {
        "better": "closer to the truth than",
        "even": "not to be told apart from",
        "worse": "further from the truth than",
    }
    return "; ".join(
        f"{phrase} {rival} at σ = {listed(by_tone[tone])}"
        for tone, phrase in phrases.items()
        if tone in by_tone
    )


def _verdict(results: Results, sigma: float) -> Verdict:
    gap = _against_the_best(results, "psnr", sigma)
    rival, tone = METHOD_LABELS[gap.method], _tone(gap)
    per_subject = [table[gap.method][f"{sigma:g}"] for table in subject_differences(results).values()]
    better = sum(value > 0.0 for value in per_subject)
    return Verdict(
        sigma=sigma,
        gain=gap.mean,
        rival=rival,
        low=gap.low,
        high=gap.high,
        ssim_gain=_against_the_best(results, "ssim", sigma).mean,
        tone=tone,
        sentence=_sentence(gap, tone, rival.lower(), better, len(per_subject)),
    )


def _against_the_best(results: Results, metric: str, sigma: float) -> Summary:
    """Network minus the baseline that is best by a metric, inside the head."""
    baselines = [
        row
        for row in summaries(results)
        if (row.contrast, row.sigma, row.region, row.metric) == (ALL, sigma, "head", metric)
        and row.method in results.config.baselines
    ]
    return _difference(results, metric, sigma, max(baselines, key=lambda row: row.mean).method)


def _difference(results: Results, metric: str, sigma: float, rival: str) -> Summary:
    """Network minus another method, inside the head."""
    return lookup(differences(results), contrast=ALL, sigma=sigma, region="head", metric=metric, method=rival)


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
