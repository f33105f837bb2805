"""What reading a page gives: where its slots are."""

from __future__ import annotations


class Span:
    """A slot in a page: its inner HTML is the bytes from `start` to `end` (offsets in the page; -1: not known yet).
    `opened` and `ended` say after how many bytes the page had shown that it begins and ends (the end of the page counts
    as one more byte). A `pair` of comments counts once it has ended, and is `dead` if its second comment never came."""

    __slots__ = ("dead", "end", "ended", "opened", "pair", "slot", "start")

    def __init__(self, slot: str, start: int, opened: int, pair: bool = False) -> None:
        self.slot, self.start, self.opened, self.pair = slot, start, opened, pair
        self.end = self.ended = -1
        self.dead = False
