"""What the run cost, stage by stage, and what its audits support."""

from emoloom.report.formats import finite, number, percent
from emoloom.report.inputs import Record, listed, mapping
from emoloom.report.tables import table_of


def costs_view(costs: Record) -> Record:
    """Stages, decoding of each row set, and what the audits say."""
    keys = ("decode", "decode_polarity", "decode_cross", "decode_test")
    decode, pairs, cross, test = (_decoding(costs.get(key)) for key in keys)
    first = ("candidate", "rows", "forwards", "forwards_per_row")
    return {
        "stages": table_of(listed(costs.get("stages")), ("stage", "candidate", "units", "seconds")),
        "decode": table_of(decode, first),
        "polarity": table_of(pairs, first),
        "cross": table_of(cross, first),
        "test": table_of(test, first),
        "audits": [
            (str(record["candidate"]), f"{audit}{where}")
            for records, where in (
                (decode, ""),
                (pairs, ", polarity pairs"),
                (cross, ", other corpora"),
                (test, ", test rows"),
            )
            for record in records
            if (audit := audit_said(record))
        ],
    }


def _decoding(table: object) -> list[Record]:
    return [{"candidate": name, **mapping(cost)} for name, cost in mapping(table).items()]


def audit_said(record: Record) -> str:
    """The claim that an audit supports: mismatches in N tokens, with a bound when there are none.

    With no mismatch in N tokens the one-sided 95% bound of the rate is 1 - 0.05^(1/N). Where
    widening did not help, no audited token is left to speak of: the answers are canonical.
    """
    tokens, mismatches = (
        finite(record.get("audited_tokens")),
        finite(record.get("audit_mismatches")),
    )
    if tokens is None or mismatches is None:
        return ""
    differed = f"{number(mismatches, 0)} audited row{'s'[: mismatches != 1]} differed"
    if tokens < 1:
        return f"{differed}: all were decoded by the definition instead" if mismatches else ""
    if mismatches:
        return f"{differed}, the margin was widened; then none in {number(tokens, 0)} tokens"
    bound = percent(1 - 0.05 ** (1 / tokens)) if tokens < 3000 else "0.1%"
    return f"no mismatch in {tokens:,.0f} audited tokens (95% bound: at most {bound})"
