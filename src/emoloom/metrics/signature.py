"""The signature: one line that holds every setting which can change a number.

The form is sacrebleu's (Post 2018): `key:value|key:value|v:<package version>`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from emoloom import __version__
from emoloom.errors import UserError

_KEY = re.compile(r"[a-z][a-z0-9_.-]*")
_ESCAPED = re.compile(r"%([0-9a-f]{1,4});")
_SPECIAL = re.compile(r"[%|\x00-\x1f\x7f-\x9f\u2028\u2029]")
_VERSION_KEY = "v"


@dataclass(frozen=True, slots=True)
class Signature:
    """Ordered settings behind a number."""

    pairs: tuple[tuple[str, str], ...]
    """(key, value), in the order in which they are printed. Keys are distinct, `v` is reserved."""
    version: str = __version__
    """Version of the package; printed last."""

    def __post_init__(self) -> None:
        keys = [key for key, _ in self.pairs]
        for key in keys:
            if not _KEY.fullmatch(key) or key == _VERSION_KEY:
                raise UserError(
                    "A signature cannot have this key",
                    got=repr(key),
                    allowed="a small letter, then small letters, digits, `_`, `.`, `-`; not `v`",
                )
        if len(set(keys)) != len(keys):
            raise UserError("A signature names a key twice", got=", ".join(keys))

    def extended(self, *pairs: tuple[str, str]) -> "Signature":
        """The same with more settings behind these.

        Raises:
            UserError: a key cannot be used, or is there already.
        """
        return replace(self, pairs=(*self.pairs, *pairs))

    def format(self) -> str:
        """One line. `|`, `%` and control characters of a value stand as `%<hex code>;`."""
        printed = (*self.pairs, (_VERSION_KEY, self.version))
        return "|".join(f"{key}:{_escape(value)}" for key, value in printed)

    @classmethod
    def parse(cls, text: str) -> "Signature":
        """Inverse of `format`.

        Raises:
            UserError: The text is no signature.
        """
        pairs = [tuple(part.partition(":")[::2]) for part in text.split("|")]
        if any(":" not in part for part in text.split("|")) or pairs[-1][0] != _VERSION_KEY:
            raise UserError(
                "This is no signature", got=repr(text[:80]), allowed="key:value|...|v:<version>"
            )
        *settings, (_, version) = ((key, _unescape(value)) for key, value in pairs)
        return cls(tuple(settings), version)


def number_signatures(behind: Signature, numbers: Iterable[str]) -> dict[str, str]:
    """The signature of each number, by the number's key: what is behind all, and which it is.

    Raises:
        UserError: as `Signature`.
    """
    return {number: behind.extended(("number", number)).format() for number in numbers}


def _escape(value: str) -> str:
    return _SPECIAL.sub(lambda found: f"%{ord(found.group()):x};", value)


def _unescape(value: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), value)
