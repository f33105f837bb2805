"""parse5, an HTML5 parser that knows where elements stand, as a process of Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from bisect import bisect_left
from pathlib import Path
from typing import NamedTuple, Self

PACKAGE = "parse5@8.1.1"
_PROGRAM = Path(__file__).with_name("parse5.mjs")
_BOM = b"\xef\xbb\xbf"


class NotHere(Exception):
    """Node.js or parse5 cannot be had on this machine; says why."""


class Element(NamedTuple):
    """An element's start tag, its content's end and its own, as offsets in the page's bytes; the last two differ by the
    element's own end tag. They are -1 where parse5 does not say."""

    name: str
    html: bool
    start: int
    opened: int
    inner: int
    end: int


def _module() -> Path:
    return _folder() / "node_modules" / "parse5" / "dist" / "index.js"


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"personalize-{PACKAGE}"


def installed() -> bool:
    """Whether it can be used without installing anything."""
    return shutil.which("node") is not None and _module().exists()


def install(patience: float) -> Path:
    """The path of parse5's module, installed by npm into the folder for temporary files if it is not there yet.
    Raises NotHere."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise NotHere("node and npm are not here")
    folder, module = _folder(), _module()
    if module.exists():
        return module
    with tempfile.TemporaryDirectory(prefix="personalize-npm-") as name:
        made = Path(name) / "made"
        made.mkdir()
        (made / "package.json").write_text('{"private": true}')
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
        try:
            done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=patience)
        except subprocess.TimeoutExpired:
            raise NotHere(f"npm did not install {PACKAGE} within {patience:.0f} seconds") from None
        if done.returncode:
            raise NotHere(f"npm could not install {PACKAGE}: {done.stderr.strip()[-300:]}")
        try:
            made.rename(folder)
        except OSError:
            if not module.exists():  # else another process was quicker
                raise
    return module


class Parse5:
    """A running parser; a context manager. Raises NotHere if it cannot be had within `patience` seconds."""

    def __init__(self, patience: float = 120.0) -> None:
        self._process = subprocess.Popen(
            ["node", str(_PROGRAM), str(install(patience))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def elements(self, page: bytes) -> list[Element]:
        """The elements of a page that have a start tag, in its order, without what stands in templates."""
        assert self._process.stdin is not None and self._process.stdout is not None
        text, at = _decoded(page)
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("parse5 failed")
        return [
            Element(name, html, at(start), at(opened), at(inner if inner >= 0 else end), at(end))
            for name, html, start, opened, inner, end in json.loads(line)
        ]


class _Offsets:
    """From UTF-16 code units of a text to bytes of the UTF-8 that it was decoded from."""

    def __init__(self, text: str, first: int) -> None:
        self._first = first
        self._units: list[int] = []  # where the code units after each character that is not ASCII begin
        self._bytes: list[int] = []
        units = size = seen = 0
        for index, char in ((i, c) for i, c in enumerate(text) if c > "\x7f"):
            units += index - seen + (2 if char > "\uffff" else 1)
            size += index - seen + len(char.encode())
            seen = index + 1
            self._units.append(units)
            self._bytes.append(size)

    def __call__(self, unit: int) -> int:
        if unit < 0:
            return -1
        i = bisect_left(self._units, unit + 1) - 1
        return self._first + (unit if i < 0 else self._bytes[i] + unit - self._units[i])


def _decoded(page: bytes) -> tuple[str, _Offsets]:
    """The page as a browser would decode it, as far as that matters to where tags stand: a page that is no UTF-8 is
    read byte by byte."""
    first = len(_BOM) if page.startswith(_BOM) else 0
    try:
        text = page[first:].decode()
        return text, _Offsets(text, first)
    except UnicodeDecodeError:
        return page.decode("latin-1"), _Offsets("", 0)
