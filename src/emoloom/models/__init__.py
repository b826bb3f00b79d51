"""Model sources, loading, shared-prefix packing and the preflight certificate."""
