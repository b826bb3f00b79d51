"""The rows that all candidates share: parts, pools, draws, and the sets written to a run."""
