"""The run folder: atomic files, done markers, provenance."""
