"""Sizes that settings, models and the forecast of a screen share: each stands here alone."""

PACK_ROWS = 32
"""Rows in one of the decoder's packs, at most, where nothing else is said; the certificate
compares such a pack."""

PACK_TOKENS = 3200
"""Tokens in one, at most (ours: DESIGN 5)."""

TRAIN_PACK_TOKENS = 1200
"""Tokens in one pack of a training, or of what its heads answer, where nothing else is said."""

MIN_POSITIONS = 512
"""Positions that a margin is measured at, at least."""

OTHER_ROWS = 3
"""Rows that batches and padding are tried with, behind the longest."""
