"""Bandits: the log folded into what is believed of each arm, and that into how visitors are shared out. Pure."""

from __future__ import annotations

from .allocating import Told, allocation, believed
from .bandits import Bandits
from .ledger import Ledger
from .spec import EVERYBODY, BanditSpec, spec_of, specs_of
from .trials import Trial

__all__ = [
    "EVERYBODY",
    "BanditSpec",
    "Bandits",
    "Ledger",
    "Told",
    "Trial",
    "allocation",
    "believed",
    "spec_of",
    "specs_of",
]
