"""What selectors test attributes for, and which tests a part of a value that varies has no say in."""

from __future__ import annotations

from dataclasses import dataclass

_VARIES = b"\0"  # stands for the part that varies: no value that is asked about holds it


@dataclass(frozen=True, slots=True)
class Reading:
    """One test of an attribute: its operator, what it compares with, and whether it does so without case."""

    operator: str
    value: bytes
    blind: bool = False

    def settled(self, before: bytes, after: bytes) -> bool:
        """Whether all values fit alike, or none does, that are made of `before`, at least one character none of which
        is white space, and `after`. False where that is not certain."""
        wanted = self.value
        if self.blind:
            before, after = before.lower(), after.lower()
        match self.operator:
            case "exists":
                return True
            case "=":
                return not _may_be(wanted, before, after)
            case "~=":
                words = (before + _VARIES + after).split()
                varying = next(word for word in words if _VARIES in word)
                return wanted in words or not _may_be(wanted, *varying.split(_VARIES))
            case "|=":
                wanted += b"-"  # what is equal without it begins with less of it
                return before.startswith(wanted) or not wanted.startswith(before)
            case "^=":
                return not wanted or before.startswith(wanted) or not wanted.startswith(before)
            case "$=":
                return not wanted or after.endswith(wanted) or not wanted.endswith(after)
            case "*=":
                return not wanted or wanted in before or wanted in after
        return False


def _may_be(wanted: bytes, before: bytes, after: bytes) -> bool:
    """Whether a value of that form can be `wanted`."""
    return len(wanted) > len(before) + len(after) and wanted.startswith(before) and wanted.endswith(after)
