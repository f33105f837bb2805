"""What a page holds before its body: doctype, html and head (HTML Living Standard, 13.2.6.4.1 to 13.2.6.4.6)."""

from __future__ import annotations

import re

from .elements import HEAD_CONTENT
from .open_elements import BEFORE, IN_BODY, IN_HEAD, MARKER, Node, OpenElements
from .tokens import WS

_ID = rb"(\"[^\">]*+\"|'[^'>]*+')"
# A doctype that is written as it should be (13.2.5.53 to 13.2.5.68): 1 and 2 its identifiers, or 3 the second alone.
_DOCTYPE = re.compile(
    rb"<!doctype%b*+html(?:%b++(?:public%b*+%b(?:%b*+%b[^>]*+)?|system%b*+%b[^>]*+))?%b*+>"
    % (WS, WS, WS, _ID, WS, _ID, WS, _ID, WS),
    re.IGNORECASE,
)
# Public identifiers of the time before standards. Of whom nothing else is left from then, the name is enough.
_OLD = re.compile(
    rb"\+//silmaril//|-//(?:as|advasoft ltd|ietf|metrius|microsoft|netscape comm\. corp\.|o'reilly and associates|sq"
    rb"|softquad|softquad software|spyglass|sun microsystems corp\.|webtechs)//|-//w3o//dtd w3 html 3\.0//"
    rb"|-//w3c//dtd (?:w3 html//|html (?:3 1995|3\.2|4\.0 (?:frameset|transitional)//|experimental ))"
    rb"|(?:-//w3o//dtd w3 html strict 3\.0//en//|-/w3c/dtd html 4\.0 transitional/en|html)[\"']"
)
_OLD_ALONE = (b"-//w3c//dtd html 4.01 frameset//", b"-//w3c//dtd html 4.01 transitional//")  # with no address beside
_OLD_ADDRESS = b"http://www.ibm.com/data/dtd/v11/ibmxhtml1-transitional.dtd"


def quirky(doctype: bytes) -> bool:
    """Whether a browser reads a page with this doctype in quirks mode (13.2.6.4.1)."""
    found = _DOCTYPE.match(doctype)
    if found is None:
        return True
    public, address = ((text or b"").lower() for text in (found[1], found[2] or found[3]))
    if address[1:-1] == _OLD_ADDRESS or _OLD.match(public, 1):
        return True
    return not address and public.startswith(_OLD_ALONE, 1)


class BeforeBody(OpenElements):
    """Rules for the modes before the body; most tags there imply what was not written."""

    _placed: Node | None = None
    _doctyped = False

    def _begin_html(self, raw: bytes = b"") -> None:
        if not self.stack:
            self._insert(b"html", raw)

    def _begin_head(self, raw: bytes = b"") -> None:
        self._begin_html()
        self.head = self._insert(b"head", raw)
        self.phase = IN_HEAD

    def _begin_body(self, raw: bytes = b"") -> Node:
        if self.phase == BEFORE:
            self._begin_head()
        del self.stack[1:]
        self.phase = IN_BODY
        return self._insert(b"body", raw)

    def _early(self, name: bytes, raw: bytes) -> bool:
        """A start tag before the body; True if that settled it, with the element in `_placed`."""
        self._placed = None
        if name in (b"html", b"head", b"body", b"frameset"):
            if self.in_template:
                return True
            if not self._doctyped and not self.stack:
                self.quirks = True
            self.document = True
            if name == b"html":
                if not self.stack:
                    self._begin_html(raw)
                    self._placed = self.stack[0]
            elif name == b"head":
                if self.phase == BEFORE:
                    self._begin_head(raw)
                    self._placed = self.head
            else:
                self._placed = self._begin_body(raw)
            return True
        if self.in_template:
            return False
        if name in HEAD_CONTENT:
            if self.phase == BEFORE:
                self._begin_head()
            parent = self.stack[-1] if self.phase == IN_HEAD else self.head
            self._placed = self._insert(name, raw, push=name == b"template", parent=parent)
            if name == b"template":
                self.active.append(MARKER)
            return True
        self._begin_body()
        return False

    def doctype(self, token: bytes) -> None:
        """A doctype as it was written."""
        if self.phase == BEFORE and not self.stack:
            self.document = self._doctyped = True
            self.quirks = quirky(token)
