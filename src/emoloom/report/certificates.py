"""Preflight certificates, and what near-ties and audits say of the decoding that followed."""

from collections.abc import Sequence
from dataclasses import dataclass

from emoloom.report.costs import audit_said
from emoloom.report.formats import finite, flatten, plural
from emoloom.report.inputs import Candidate, Record, RunInputs, listed, mapping

_SHOWN = frozenset({"verdict", "reason", "checks"})


@dataclass(frozen=True, slots=True)
class Certificate:
    """One candidate's certificate and its decoding; what is not known is None or empty."""

    name: str
    """Name of the candidate."""
    verdict: str
    """`packed`, `canonical only`, `refused`; empty without a certificate."""
    reason: str
    """Why."""
    passed: str
    """How many of its checks passed."""
    checks: tuple[Record, ...]
    """Each with name, passed, value, limit."""
    rest: tuple[tuple[str, str], ...]
    """Its other fields."""
    packed_up_to: float | None
    """Tokens up to which packing is exact."""
    margin: float | None
    """Logit difference below which a token is decided again by the canonical forward."""
    near_ties: float | None
    """Tokens inside the margin."""
    decided: float | None
    """Tokens decided in all."""
    audit: str
    """What the audit supports."""
    precision: str = ""
    """In which precision it answers, and why; empty where fp32 was asked for."""

    @property
    def tie_share(self) -> float | None:
        """Near-ties as a share of the tokens decided."""
        return None if self.near_ties is None or not self.decided else self.near_ties / self.decided


def certificates_view(inputs: RunInputs, names: Sequence[str]) -> tuple[Certificate, ...]:
    """Every entry with a certificate, or with near-ties among its costs."""
    decode = mapping(inputs.objects["costs.json"].get("decode"))
    made = []
    for name in names:
        candidate = inputs.candidates.get(name)
        preflight = candidate.preflight if candidate else None
        cost = mapping(decode.get(name))
        if preflight is not None or "near_ties" in cost:
            made.append(_certificate(name, preflight, cost, _precision(candidate)))
    return tuple(made)


def _precision(candidate: Candidate | None) -> str:
    found = (candidate.precision if candidate else None) or {}
    return ": ".join(str(found[key]) for key in ("dtype", "reason") if found.get(key))


def _certificate(name: str, preflight: Record | None, cost: Record, precision: str) -> Certificate:
    found = preflight or {}
    checks = listed(found.get("checks"))
    passed = sum(check.get("passed") is True for check in checks)
    rest = {key: value for key, value in found.items() if key not in _SHOWN}
    margin = finite(cost.get("tie_margin"))
    return Certificate(
        name=name,
        verdict="" if preflight is None else str(found.get("verdict") or "unknown"),
        reason=str(found.get("reason") or ""),
        passed=f"{passed} of {plural(len(checks), 'check')}",
        checks=tuple(checks),
        rest=tuple(flatten(rest)) if rest else (),
        packed_up_to=finite(found.get("packed_up_to")),
        margin=finite(found.get("tie_margin")) if margin is None else margin,
        near_ties=finite(cost.get("near_ties")),
        decided=finite(cost.get("decided")),
        audit=audit_said(cost),
        precision=precision,
    )
