"""Where Beam's pipelines run, and what Beam's local runner needs to be safe to leave alone."""
