"""The certificate's records: what was checked of a model, and what that allows."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["packed", "canonical only", "refused"]


@dataclass(frozen=True, slots=True)
class Check:
    """One measured property."""

    name: str
    """What was checked."""
    passed: bool
    """Whether the value is within the limit."""
    value: float
    """What was found: the largest absolute logit gap; of the template, ids that differ; of the end
    token, its id; of NaN, forwards that gave one."""
    limit: float
    """Largest value allowed."""
    needed: bool = True
    """False for what this project never does (batches, padding, a cache): it only warns."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the checks say of one model."""

    verdict: Verdict
    """`packed` (up to `packed_up_to`), `canonical only`, or `refused`."""
    reason: str
    """The verdict in words."""
    packed_up_to: int
    """Prefix and row together, in tokens, up to which packing was seen exact; 0 if not at all."""
    tie_margin: float
    """Top-2 logit gap at or below which a packed argmax is decided again canonically."""
    positions: int
    """Positions compared between packed and single."""
    checks: tuple[Check, ...]
    """Each check with its numbers."""
    prompt_head: str = ""
    """What stands before every row's text, verbatim: template start and instruction."""
    prompt_head_sha256: str = ""
    """Of that text in UTF-8, 64 hex digits."""
    prompt_tail: str = ""
    """What stands between every row's text and the answer, verbatim."""
    system_turn: str = ""
    """The part of the head that the template put before the user's turn of its own accord."""

    @property
    def warnings(self) -> tuple[Check, ...]:
        """Failed checks of what this project never does."""
        return tuple(check for check in self.checks if not check.passed and not check.needed)

    def to_dict(self) -> dict[str, Any]:
        """For preflight.json."""
        return {**asdict(self), "checks": [asdict(check) for check in self.checks]}

    @staticmethod
    def from_dict(value: dict[str, Any]) -> "Certificate":
        """Inverse of `to_dict`."""
        checks = tuple(Check(**check) for check in value["checks"])
        return Certificate(**{**value, "checks": checks})


def explain(found: Certificate) -> str:
    """The verdict and each check, a line each, for a terminal."""
    lines = [f"{found.verdict}: {found.reason}"]
    for check in found.checks:
        mark = "ok" if check.passed else "FAILED" if check.needed else "warning"
        lines.append(f"{mark:8}{check.name}: {check.value:.3g} (at most {check.limit:.3g})")
    if found.verdict == "packed":
        lines.append(
            f"near-ties are top-2 gaps up to {found.tie_margin:.3g}, "
            f"from {found.positions} positions"
        )
    return "\n".join(lines)
