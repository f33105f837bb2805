"""A profile once more, to be folded on under another config. Pure."""

from __future__ import annotations

from dataclasses import replace

from ..model import Profile


def copied(profile: Profile) -> Profile:
    """One that can be folded on by itself."""
    return replace(
        profile,
        views=[*profile.views],
        cart={**profile.cart},
        orders=[*profile.orders],
        traits={**profile.traits},
        exposures={key: [*times] for key, times in profile.exposures.items()},
        happened={**profile.happened},
        remembered={**profile.remembered},
        assignments={**profile.assignments},
        draws={**profile.draws},
        before={id_: {**seen} for id_, seen in profile.before.items()},
        provenance={**profile.provenance},
    )
