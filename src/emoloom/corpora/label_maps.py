"""Maps from one label space to another: composed, and told in words.

A map is total: it says of every label of its source what it becomes, or that it becomes nothing.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from emoloom.records import LabelSpace
from emoloom.runs.directory import dumps


@dataclass(frozen=True, slots=True)
class LabelMap:
    """What each label of one space becomes in another."""

    source: LabelSpace
    """The space mapped from."""
    target: LabelSpace
    """The space mapped to."""
    targets: Mapping[str, tuple[str, ...]]
    """Each label of `source`, in its order -> labels of `target`, in its order; () is none."""
    reasons: Mapping[str, str]
    """Label of `source` -> why it becomes that; a label may have none."""
    sha256: str
    """Of the file's bytes, in hexadecimal; of the parts' hashes where maps were composed."""

    def of(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The labels in the other space, each once, in its order; () where none is left."""
        found = {target for label in labels for target in self.targets[label]}
        return tuple(label for label in self.target.labels if label in found)

    @property
    def merged(self) -> dict[str, tuple[str, ...]]:
        """Labels of the target that several labels of the source become -> those labels."""
        into: dict[str, tuple[str, ...]] = {
            target: tuple(label for label, targets in self.targets.items() if target in targets)
            for target in self.target.labels
        }
        return {target: labels for target, labels in into.items() if len(labels) > 1}

    @property
    def lost(self) -> tuple[str, ...]:
        """Labels of the source that become nothing."""
        return tuple(label for label, targets in self.targets.items() if not targets)

    @property
    def unreached(self) -> tuple[str, ...]:
        """Labels of the target that no label of the source becomes."""
        reached = {target for targets in self.targets.values() for target in targets}
        return tuple(label for label in self.target.labels if label not in reached)


def identity_map(space: LabelSpace) -> LabelMap:
    """Every label becomes itself."""
    digest = hashlib.sha256(("identity\n" + "\n".join(space.labels)).encode()).hexdigest()
    same = MappingProxyType({label: (label,) for label in space.labels})
    return LabelMap(space, space, same, MappingProxyType({}), digest)


def compose(first: LabelMap, second: LabelMap) -> LabelMap:
    """The map that does `first`, then `second`. What either loses is lost.

    A label's reasons are those of its steps, in order.
    """
    assert first.target == second.source
    targets: dict[str, tuple[str, ...]] = {}
    reasons: dict[str, str] = {}
    for label, between in first.targets.items():
        targets[label] = second.of(between)
        steps = [first.reasons.get(label, ""), *(second.reasons.get(one, "") for one in between)]
        if why := "; ".join(dict.fromkeys(step for step in steps if step)):
            reasons[label] = why
    digest = hashlib.sha256(f"{first.sha256}\n{second.sha256}\n".encode()).hexdigest()
    return LabelMap(
        first.source, second.target, MappingProxyType(targets), MappingProxyType(reasons), digest
    )


def describe(label_map: LabelMap) -> Iterator[str]:
    """The map in words, line by line: what it merges, what it loses, what it never reaches."""
    source, target = label_map.source, label_map.target
    mapped = len(source.labels) - len(label_map.lost)
    reached = len(target.labels) - len(label_map.unreached)
    yield (
        f"{source.name} to {target.name}: {mapped} of {len(source.labels)} labels have a "
        f"counterpart, {reached} of {len(target.labels)} are reached"
    )
    for name, labels in label_map.merged.items():
        yield f"merged into {name}: {', '.join(labels)}"
    for label in label_map.lost:
        yield f"lost: {label} ({label_map.reasons.get(label, 'no reason given')})"
    if label_map.unreached:
        yield f"never reached: {', '.join(label_map.unreached)}"


def to_json(label_map: LabelMap) -> str:
    """The map as the text of a map file: `read_map` reads it back, and a user may edit it."""
    labels = {
        label: {"to": list(targets), "why": label_map.reasons.get(label, "")}
        for label, targets in label_map.targets.items()
    }
    record = {"from": label_map.source.name, "to": label_map.target.name, "labels": labels}
    return dumps(record, indent=2)
