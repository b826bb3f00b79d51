"""Sizes that several rooms share: each stands here alone."""

PACK_ROWS = 32
"""Rows in one of the decoder's packs, at most, where nothing else is said; the certificate
compares such a pack."""

PACK_TOKENS = 3200
"""Tokens in one, at most (ours: DESIGN 5)."""

TRAIN_PACK_TOKENS = 1200
"""Tokens in one pack of a training, or of what its heads answer, where nothing else is said."""

PROBE_ANSWERS = 16
"""Answers of the training that certificate and near-tie margin are measured with, at most."""

SPARE_BYTES = 64 * 2**20
"""What must be left on the disk beside a checkpoint or an export."""

MIN_POSITIONS = 512
"""Positions that a margin is measured at, at least."""

OTHER_ROWS = 3
"""Rows that batches and padding are tried with, behind the longest."""
