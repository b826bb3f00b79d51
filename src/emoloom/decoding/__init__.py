"""KV-off decoding: canonical and verified."""
