"""Loading, shared-prefix packing, the language model head and the preflight certificate."""
