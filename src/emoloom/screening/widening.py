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
    """Times widened."""
    tie_margin: float = 0.0
    """The margin since the last time; unused before the first."""
    mismatches: int = 0
    """Audited rows that differed, in all passes."""

    def after(self, mismatches: int, tie_margin: float) -> "Widening":
        """Widened once more, from a margin with which so many audited rows differed."""
        wider = max(tie_margin, SMALLEST) * WIDER
        return Widening(self.times + 1, wider, self.mismatches + mismatches)

    def applied(self, job: DecodeJob) -> DecodeJob:
        """The job with the widened margin, at last canonical; as it is before the first time."""
        if not self.times:
            return job
        return replace(
            job,
            certificate=replace(job.certificate, tie_margin=self.tie_margin),
            canonical=self.times > MOST_WIDENINGS,
            turn=f"{job.turn}.widened-{self.times}",
            cache=None,
        )

    def keep(self, path: Path) -> None:
        """Write it down."""
        write_json_atomic(path, asdict(self))

    def keep_beside(self, out: Path) -> None:
        """Write it down for the model's other row sets, where there is anything to say."""
        if self.times:
            self.keep(beside(out))
        else:
            beside(out).unlink(missing_ok=True)


UNWIDENED = Widening()
"""No audit has found anything."""


def beside(out: Path) -> Path:
    """Where the widening of a finished file of outputs is."""
    return out.with_suffix(".widening.json")


def kept_widening(path: Path) -> Widening | None:
    """What was written down; None where the file is missing or damaged."""
    try:
        found = json.loads(path.read_bytes())
        kept = Widening(int(found["times"]), float(found["tie_margin"]), int(found["mismatches"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    sound = 0 < kept.times <= MOST_WIDENINGS + 1 and 0 < kept.tie_margin < float("inf")
    return kept if sound else None
