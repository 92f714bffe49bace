"""The studies behind the package's choices: what is run (TOML), what came out (JSON), and tables for docs/.

`python -m studies real_scans --data DATA` trains and judges every run of `plans/real_scans.toml` that is not
there yet, writes `results/real_scans.jsonl` and renews tables and figures of `docs/studies/real_scans.md`.
`python -m studies.ship fast RUN` puts a trained run into the package.
"""
