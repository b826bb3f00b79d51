"""No text on two sides of a split: what must leave train, and what it was the twin of.

Train is a stream: memory grows with the other sets alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from emoloom.corpora.lines import normalise_text
from emoloom.corpora.near_duplicates import NEAR_DUPLICATE, Near, NearIndex
from emoloom.records import Row

Twin = Literal["same_text", "same_group", "near_text", "same_conversation", "near_conversation"]
"""Why a row leaves train, in the order of the tests: its text stands in another set, word for
word; its group does; a near duplicate of its text does; the conversation that it is part of stands
in another set as a whole, word for word; or nearly so."""

_Alike = Literal["", "near", "same"]


class _Match(NamedTuple):
    """The text of another set that a text is like."""

    how: _Alike
    owner: str
    """The set that has it; the first that was added, where several have."""


_NONE = _Match("", "")


@dataclass(frozen=True, slots=True)
class SetOverlap:
    """How much of a set stood in train before train was cleared; the set keeps all its rows."""

    rows: int
    """Rows of the set."""
    same_text: int
    """Of them, rows whose text stood in train word for word."""
    near_text: int
    """Of them, rows with a near duplicate in train and none word for word."""
    conversations: int
    """Conversations of the set."""
    same_conversation: int
    """Of them, conversations that stood in train word for word as a whole."""
    near_conversation: int
    """Of them, conversations with a near duplicate in train and none word for word."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Train after `keep_apart`: rows in = kept + removed, both in the order given."""

    kept: tuple[Row, ...]
    """Rows that may be trained on."""
    removed: tuple[Row, ...]
    """Rows that may not."""
    reasons: Mapping[Twin, int]
    """Rows removed, by the first reason that holds: every reason, in the order of the tests."""
    sets: Mapping[str, SetOverlap]
    """What was found of each other set, by its name."""


class OtherSets:
    """Rows that train is held against, exactly and nearly.

    Texts are compared as `normalise_text` leaves them, of any corpus with any; near duplicates
    share `threshold` of their distinct words (Jaccard index). A conversation is a run of rows of
    one group whose texts differ; its text is theirs, in order, and spaces in it do not count. Pairs
    count, not chains: a train row stays that is near a removed row alone.
    """

    def __init__(self, *, threshold: float | None = NEAR_DUPLICATE) -> None:
        """Begin without any set; all are added before the first row of train is sifted.

        Args:
            threshold: In (0, 1]; None looks for no near duplicates, which is faster.
        """
        # Copies of a corpus part words differently (`don ' t`): in a conversation it is nothing.
        self._texts, self._whole = _Texts(threshold), _Texts(threshold, spaces=False)
        self._groups: dict[str, str] = {}
        self._removed: Counter[tuple[str, Twin]] = Counter()
        self._of_set: dict[str, tuple[list[int], list[int]]] = {}

    def add(self, name: str, rows: Iterable[Row]) -> None:
        """Take in rows of the set of this name."""
        for _ in self.passing(name, rows):
            pass

    def passing(self, name: str, rows: Iterable[Row]) -> Iterator[Row]:
        """As `add`, of rows on their way elsewhere."""
        texts, whole = self._of_set.setdefault(name, ([], []))
        for run in _runs(rows):
            if run[0].group:
                self._groups.setdefault(run[0].group, name)
            texts += [self._texts.add(row.text, name) for row in run]
            if talk := _conversation(run):
                whole.append(self._whole.add(talk, name))
            yield from run

    def sift(self, train: Iterable[Row]) -> Iterator[tuple[Row, Twin | None]]:
        """Each row of train in order, with the first reason not to train on it, if any."""
        for run in _runs(train):
            talk = _conversation(run) if len(run) > 1 else ""
            whole = self._whole.match(talk) if talk else _NONE
            for row in run:
                found = self._why(row, self._texts.match(row.text), whole)
                self._removed.update([] if found is None else [found])
                yield row, None if found is None else found[1]

    def found(self) -> dict[str, SetOverlap]:
        """What stood in all of train that was sifted so far, by the name of the set."""
        return {
            name: SetOverlap(
                rows=len(texts),
                **self._texts.counts(texts, "text"),
                conversations=len(whole),
                **self._whole.counts(whole, "conversation"),
            )
            for name, (texts, whole) in self._of_set.items()
        }

    def removed(self) -> dict[str, dict[Twin, int]]:
        """Rows of train that were given a reason so far, by the set that has their twin."""
        found = {
            name: {twin: n for twin in get_args(Twin) if (n := self._removed[name, twin])}
            for name in self._of_set
        }
        return {name: because for name, because in found.items() if because}

    def _why(self, row: Row, text: _Match, whole: _Match) -> tuple[str, Twin] | None:
        """The set that has the row's twin, and the first reason that holds."""
        of_group = self._groups.get(row.group)
        if not text.how and not whole.how and of_group is None:
            return None
        reasons: dict[Twin, str | None] = {
            "same_text": text.owner if text.how == "same" else None,
            "same_group": of_group,
            "near_text": text.owner if text.how == "near" else None,
            "same_conversation": whole.owner if whole.how == "same" else None,
            "near_conversation": whole.owner if whole.how == "near" else None,
        }
        return next((owner, twin) for twin, owner in reasons.items() if owner is not None)


def keep_apart(
    train: Iterable[Row],
    others: Mapping[str, Iterable[Row]],
    *,
    threshold: float = NEAR_DUPLICATE,
) -> Apart:
    """Take out of train whatever stands in another set, exactly or nearly; others keep all rows.

    Args:
        train: Rows that may be taken out.
        others: Name -> rows of the other sets.
        threshold: As in `OtherSets`.
    """
    sets = OtherSets(threshold=threshold)
    for name, rows in others.items():
        sets.add(name, rows)
    kept: list[Row] = []
    removed: list[Row] = []
    reasons: Counter[Twin] = Counter()
    for row, twin in sets.sift(train):
        if twin is None:
            kept.append(row)
        else:
            removed.append(row)
            reasons[twin] += 1
    in_order = {reason: reasons[reason] for reason in get_args(Twin)}
    return Apart(tuple(kept), tuple(removed), in_order, sets.found())


class _Texts:
    """Texts of the other sets, each once, and whether train was found to hold it."""

    def __init__(self, threshold: float | None, *, spaces: bool = True) -> None:
        self._threshold, self._spaces = threshold, spaces
        self._ids: dict[str, int] = {}
        self._indexed: list[str] = []
        self._met: list[_Alike] = []
        self._owners: list[str] = []
        self._index: NearIndex | None = None

    def add(self, text: str, owner: str) -> int:
        """Number of the text as it is compared; -1 for one without any character."""
        assert self._index is None, "all texts are added before the first is matched"
        key = self._key(text)
        if not key:
            return -1
        number = self._ids.setdefault(key, len(self._ids))
        if number == len(self._met):
            self._met.append("")
            self._owners.append(owner)
            self._indexed.append(text)
        return number

    def match(self, text: str) -> _Match:
        """Whether a text stands here; what it stands for is remembered as met."""
        near = () if self._threshold is None else self._near(text, self._threshold)
        for number, _ in near:
            self._met[number] = self._met[number] or "near"
        same = self._ids.get(self._key(text)) if self._ids else None
        if same is not None:
            self._met[same] = "same"
            return _Match("same", self._owners[same])
        return _Match("near", self._owners[near[0][0]]) if near else _NONE

    def _key(self, text: str) -> str:
        words = normalise_text(text)
        return words if self._spaces else words.replace(" ", "")

    def _near(self, text: str, threshold: float) -> Sequence[Near]:
        if self._index is None:
            self._index = NearIndex(self._indexed, threshold)
        return self._index.near(text)

    def counts(self, numbers: Sequence[int], what: str) -> dict[str, int]:
        """Of these texts, how many were met word for word, and how many only nearly."""
        met = Counter(self._met[number] for number in numbers if number >= 0)
        return {f"same_{what}": met["same"], f"near_{what}": met["near"]}


def _runs(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows of one group that stand together; a row without a group is alone."""
    run: list[Row] = []
    for row in rows:
        if run and (not row.group or row.group != run[0].group):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _conversation(run: Sequence[Row]) -> str:
    """The texts of a run as one; "" where it is none: one text said twice is no conversation."""
    texts = [row.text for row in run]
    if len(run) < 2 or len(set(map(normalise_text, texts))) < 2:
        return ""
    return "\n".join(texts)
