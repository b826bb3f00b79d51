"""How far a near-tie margin was widened; kept, so that a continued call goes on there."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from emoloom.runs.directory import write_json_atomic
from emoloom.screening.decode_job import DecodeJob

MOST_WIDENINGS = 3
"""Times that the near-tie margin is widened before a candidate is decoded canonically."""

WIDER = 8.0
"""Factor of a widening."""

SMALLEST = 1e-6
"""What a margin of 0 is widened from."""


@dataclass(frozen=True, slots=True)
class Widening:
    """What audits led to so far."""

    times: int = 0
    """Times that the margin was widened."""
    mismatches: int = 0
    """Audited rows that differed, in all passes."""

    @property
    def canonical(self) -> bool:
        """Whether no margin was wide enough."""
        return self.times > MOST_WIDENINGS

    def after(self, mismatches: int) -> "Widening":
        """Widened once more, as so many audited rows differed."""
        return Widening(self.times + 1, self.mismatches + mismatches)

    def applied(self, job: DecodeJob) -> DecodeJob:
        """The job with the widened margin, at last canonical; as it is before the first time."""
        if not self.times:
            return job
        wider = max(job.certificate.tie_margin, SMALLEST) * WIDER**self.times
        return replace(
            job,
            certificate=replace(job.certificate, tie_margin=wider),
            canonical=job.canonical or self.canonical,
            turn=f"{job.turn}.widened-{self.times}",
            cache=None,
        )

    def keep(self, path: Path) -> None:
        """Write it down."""
        write_json_atomic(path, asdict(self))


UNWIDENED = Widening()
"""No audit has found anything."""


def kept_widening(path: Path) -> Widening | None:
    """What was written down; None where the file is missing or damaged."""
    try:
        found = json.loads(path.read_bytes())
        kept = Widening(int(found["times"]), int(found["mismatches"]))
    except (OSError, ValueError, OverflowError, TypeError, KeyError, RecursionError):
        return None
    return kept if 0 < kept.times <= MOST_WIDENINGS + 1 else None
