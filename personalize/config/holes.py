"""Where a template prints: each `{{ ... }}` is judged by the HTML around it, once, when the template is read.

Escaping is right for text and for quoted attribute values only, so a hole anywhere else is refused with its line:
in a tag outside quotes, in a comment, in `script` (but for `|tojson`), `style`, an event handler (`onclick`) or a
`style` attribute, in what `script`, `link`, `base`, `object` or `embed` load. A hole that can give the scheme of
another URL attribute is led through the `url` filter, and `autoescape` blocks are refused.

The source is read from top to bottom as if every branch were printed; that is how templates are written, and a
template that opens a quote in one branch and closes it in another is told so.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\{\{|\{%|\{#")
_CODE = {"{{": re.compile(r"""(?:[^"'}]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\}(?!\}))*+"""), "{%": re.compile(
    r"""(?:[^"'%]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|%(?!\}))*+""")}  # fmt: skip
_RAW_END = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_TO_JSON = re.compile(r"\|\s*tojson\s*(?:\(\s*\))?\s*$")
_URLS = frozenset({
    "href", "src", "action", "formaction", "poster", "cite", "background", "data", "manifest", "ping", "longdesc",
    "usemap", "xlink:href", "srcset", "icon",
})  # fmt: skip
_LOADERS = frozenset({"script", "base", "link", "object", "embed"})  # what they load runs in, or rules, the page
_RAW_TEXT = frozenset({"script", "style", "textarea", "title", "iframe", "noembed", "noframes", "xmp", "plaintext"})
_SCRIPTS = frozenset({"script", "style"})


class UnsafeHole(ValueError):
    """A template prints where no escaping makes it safe; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        self.message = message
        self.line = line
        super().__init__(f"{message} (line {line})")


def guard(source: str) -> str:
    """The template's source with URL holes led through `url`. Raises UnsafeHole for a hole that cannot be safe."""
    html = _Html()
    out: list[str] = []
    at = 0
    while (token := _TOKEN.search(source, at)) is not None:
        html.feed(source[at : token.start()])
        out.append(source[at : token.start()])
        line = source.count("\n", 0, token.start()) + 1
        opening = token[0]
        if opening == "{#":
            end = source.find("#}", token.end())
            end = len(source) if end < 0 else end + 2
            out.append(source[token.start() : end])
        else:
            code = _CODE[opening].match(source, token.end())
            stop = code.end() if code else token.end()
            end = min(len(source), stop + 2)
            if opening == "{{":
                out.append(_hole(source[token.end() : stop], html, line) + source[stop:end])
            else:
                words = source[token.end() : stop].strip("-+ \t\r\n").split(None, 1)
                word = words[0] if words else ""
                if word == "autoescape":
                    raise UnsafeHole("autoescape cannot be turned off", line)
                if word == "include" and html.state != "text":
                    raise UnsafeHole("include may stand in text only", line)
                if word == "raw" and (raw := _RAW_END.search(source, end)) is not None:
                    html.feed(source[end : raw.start()])
                    end = raw.end()
                out.append(source[token.start() : end])
        at = end
    out.append(source[at:])
    return "".join(out)


def _hole(code: str, html: _Html, line: int) -> str:
    """`{{` and the expression, as it has to be printed where `html` stands now."""
    state = html.state
    if state == "text" and html.tail.endswith(("<", "</")):
        raise UnsafeHole("a value cannot be printed as a tag's name", line)
    if state == "text" or (state == "raw" and html.element not in _SCRIPTS):
        return "{{" + code
    if state == "raw":
        bare = code.rstrip("-+ \t\r\n")
        if html.element == "script" and _TO_JSON.search(bare):
            return "{{" + code
        raise UnsafeHole(f"a value cannot be printed in <{html.element}>; in scripts use |tojson", line)
    if state == "value":
        if html.attribute.startswith("on") or html.attribute in ("style", "srcdoc"):
            raise UnsafeHole(f"a value cannot be printed in the attribute {html.attribute}", line)
        if html.attribute in _URLS and html.element in _LOADERS:
            raise UnsafeHole(f"a value cannot choose what <{html.element}> loads", line)
        if html.attribute in _URLS and not any(c in html.value for c in ":/?#"):
            start = "-" if code.startswith("-") else "+" if code.startswith("+") else ""
            stop = code[-1] if code.endswith(("-", "+")) else ""
            return "{{" + start + " (" + code[len(start) : len(code) - len(stop)] + ")|url " + stop
        return "{{" + code
    where = "a comment" if state == "comment" else "a tag outside quotes"
    raise UnsafeHole(f"a value cannot be printed in {where}", line)


class _Html:
    """Where in HTML the text fed so far ends. States: text, raw (inside `element`), comment, tag, value (of
    `attribute`, of which `value` was seen)."""

    _OPEN = re.compile(r"<(?:!--|/?([a-zA-Z][^\s/>]*)|[!?])")
    _NAME = re.compile(r"[^\s/>=\"'<]+")

    def __init__(self) -> None:
        self.state = "text"
        self.element = ""
        self.attribute = ""
        self.value = ""
        self.tail = ""  # the last two characters that are no space
        self._quote = ""
        self._closing = False
        self._pending = ""  # the attribute whose value may come

    def feed(self, text: str) -> None:
        self.tail = (self.tail + "".join(text[-200:].split()))[-2:]
        at = 0
        while at < len(text):
            at = getattr(self, "_" + self.state)(text, at)

    def _text(self, text: str, at: int) -> int:
        found = self._OPEN.search(text, at)
        if found is None:
            return len(text)
        if found[0] == "<!--":
            self.state = "comment"
        else:
            self.state = "tag"
            self.element = (found[1] or "").lower()
            self._closing = found[0].startswith("</")
            self._pending = ""
        return found.end()

    def _comment(self, text: str, at: int) -> int:
        end = text.find("-->", at)
        if end < 0:
            return len(text)
        self.state = "text"
        return end + 3

    def _raw(self, text: str, at: int) -> int:
        found = re.compile(rf"</{self.element}(?=[\s/>])", re.I).search(text, at)
        if found is None:
            return len(text)
        self.state, self._closing = "tag", True
        return found.end()

    def _tag(self, text: str, at: int) -> int:
        c = text[at]
        if c == ">":
            self.state = "raw" if self.element in _RAW_TEXT and not self._closing else "text"
        elif c in "\"'" and self._pending.endswith("="):
            self.state, self._quote = "value", c
            self.attribute, self.value, self._pending = self._pending[:-1].lower(), "", ""
        elif c == "=":
            self._pending += "="
        elif (name := self._NAME.match(text, at)) is not None:
            self._pending = "" if self._pending.endswith("=") else name[0]
            return name.end()
        elif not c.isspace():
            self._pending = ""
        return at + 1

    def _value(self, text: str, at: int) -> int:
        end = text.find(self._quote, at)
        self.value += text[at : len(text) if end < 0 else end]
        if end < 0:
            return len(text)
        self.state = "tag"
        return end + 1
