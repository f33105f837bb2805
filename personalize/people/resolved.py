"""How many visitors are known to be one of the site's users, and which links were refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..profiles import Conflict, Identity
from ..protocols import Store
from .everybody import everybody


@dataclass(frozen=True, slots=True)
class Resolved:
    """`visitors` are ids that did something and are no user's own; `resolved` of them belong to one of `users`."""

    visitors: int
    resolved: int
    users: int
    refused: int
    conflicts: Sequence[Conflict]

    @property
    def share(self) -> float:
        return self.resolved / self.visitors if self.visitors else 0.0


async def resolve(store: Store) -> Resolved:
    """The figures for the whole log. Raises StoreError."""
    identity = Identity()
    ids = await everybody(store, identity)
    visitors = [id_ for id_ in ids if not id_.startswith("u:")]
    of_users = set(identity.resolved())
    found = sum(id_ in of_users for id_ in visitors)
    return Resolved(len(visitors), found, identity.users, identity.refused, tuple(identity.conflicts))
