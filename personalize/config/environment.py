"""`${NAME}` and `${NAME:-default}` in the few places where a deployment differs: addresses and the store."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .problems import did_you_mean
from .tree import Path, Tree

SECRETS = (("site", "write_keys", "*"),)  # must come from the environment, each as a whole
_MEMBERS = ("segments", "*", "members", "url")
_FILES = (("catalogue", "file"), ("catalogue", "url"))
PLACES = (("sources", "*", "url"), _MEMBERS, *_FILES, ("store",), ("hot",), *SECRETS)

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")


def expand(tree: Tree, environment: Mapping[str, str]) -> None:
    """Replace the variables in the tree's values; a missing one is a problem, and so is a secret that stands in the
    file. Values never appear in messages."""
    for secret in SECRETS:
        for path, value in tree.each(*secret):
            if isinstance(value, str) and not re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", value):
                tree.report("PZ323", path, "a secret must not stand in the file", "write ${NAME}, and set NAME there")
    for place in PLACES:
        for path, value in list(tree.each(*place)):
            if isinstance(value, str) and "${" in value:
                _replace(tree, path, _expanded(tree, path, value, environment))


def _expanded(tree: Tree, path: Path, value: str, environment: Mapping[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if (known := environment.get(name)) or default is not None:
            return known or default
        near = did_you_mean(name, environment) if environment else ""
        hint = near if near.startswith("did") else f"set it, or write ${{{name}:-a default}}"
        tree.report("PZ316", path, f"the environment variable {name} is not set", hint)
        return ""

    text = _VARIABLE.sub(one, value)
    if "${" in _VARIABLE.sub("", value):
        tree.report("PZ316", path, "this ${ begins no variable", "write ${NAME} or ${NAME:-default}")
    return text


def _replace(tree: Tree, path: Path, value: str) -> None:
    parent = tree.get(path[:-1])
    parent[path[-1]] = value
