"""What the report says of an audit."""

import pytest

from emoloom.report.costs import audit_said


@pytest.mark.parametrize(
    ("tokens", "mismatches", "said"),
    [
        (0, 0, ""),
        (0, 6, "6 audited rows differed: all were decoded by the definition instead"),
        (90, 1, "1 audited row differed, the margin was widened; then none in 90 tokens"),
        (9000, 0, "no mismatch in 9,000 audited tokens (95% bound: at most 0.1%)"),
    ],
)
def test_what_an_audit_supports_is_said(tokens: int, mismatches: int, said: str) -> None:
    assert audit_said({"audited_tokens": tokens, "audit_mismatches": mismatches}) == said
