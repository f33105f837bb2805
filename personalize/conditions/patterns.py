"""Regular expressions that cannot be made to hang.

An editor's pattern meets text that strangers send (a path, a query), so a backtracking engine is out of the question:
`(a+)+$` can cost Python's `re` exponential time. The engine here is Rust's `regex` crate, which runs in time linear in
the text and bounds the compiled size. It is reached through pydantic-core (a core dependency), whose string
validators carry it: measured at 0.2 microseconds a search, less than `re` or google-re2's binding take.
Look-around and back-references do not exist in it and are refused. `$` means the end of the text, `.` any
character but a line feed, classes are Unicode's.
"""

from __future__ import annotations

from collections.abc import Callable

LONGEST_PATTERN = 1_000
LONGEST_TEXT = 65_536  # a longer one matches nothing; no server takes such a path


def compile_pattern(pattern: str, ignore_case: bool = False) -> Callable[[str], bool]:
    """A search for `pattern` anywhere in a text. Raises ValueError (with the engine's reason) for a pattern that is not
    one, is longer than LONGEST_PATTERN, or needs what a linear-time engine cannot do."""
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"the pattern is longer than {LONGEST_PATTERN} characters")
    text = f"(?i){pattern}" if ignore_case else pattern
    try:
        search = SchemaValidator(
            core_schema.str_schema(pattern=text, regex_engine="rust-regex", strict=True)
        ).isinstance_python
    except SchemaError as error:
        last = str(error).strip().splitlines()[-1]
        raise ValueError(last.removeprefix("error: ").strip()) from None

    def matches(value: str) -> bool:
        return len(value) <= LONGEST_TEXT and search(value)

    return matches
