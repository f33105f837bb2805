"""The secrets that sign the id cookie. The one place of this floor that touches files and dice."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..errors import ConfigError
from ..model import Mark, Problem

VARIABLE: Final = "PERSONALIZE_SECRET"
_SHORTEST: Final = 32  # characters: 128 bits even when they are hexadecimal digits


def secret_keys(env: Mapping[str, str], base: Path) -> tuple[str, ...]:
    """The signing keys, first the one that signs; all of them verify.

    They come from PERSONALIZE_SECRET (comma-separated). Where that is not set, one is made and kept in
    base/.personalize/secret with mode 0600, the same for all workers that start at once.

    Raises ConfigError for a key under 32 characters, or where the file can't be read or made.
    """
    given = env.get(VARIABLE, "")
    if given.strip():
        keys = tuple(key.strip() for key in given.split(",") if key.strip())
        return _long_enough(keys, VARIABLE)
    path = base / ".personalize" / "secret"
    try:
        try:
            key = path.read_text("ascii").strip()
        except FileNotFoundError:
            _make(path)
            key = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        hint = f"set {VARIABLE} to at least {_SHORTEST} random characters instead"
        raise ConfigError([_problem(str(path), f"the signing secret can't be kept here: {error}", hint)]) from error
    return _long_enough((key,), str(path))


def _long_enough(keys: tuple[str, ...], where: str) -> tuple[str, ...]:
    hint = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    if not keys:
        raise ConfigError([_problem(where, "there is no key between the commas", hint)])
    for number, key in enumerate(keys, 1):
        if len(key) < _SHORTEST:
            message = f"key {number} has {len(key)} characters; a signing key needs at least {_SHORTEST}"
            raise ConfigError([_problem(where, message, hint)])
    return keys


def _problem(where: str, message: str, hint: str) -> Problem:
    return Problem(Mark(where, 0, 0), "PZ180", message, hint=hint)


def _make(path: Path) -> None:
    """Write a new secret unless someone else does so first. A link appears whole or not at all, and never
    replaces, so that of several workers exactly one wins and none reads half a key."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    ignore = path.parent / ".gitignore"  # a secret must not be committed by accident
    if not ignore.exists():
        ignore.write_text("*\n")
    draft = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
    finally:
        draft.unlink()
