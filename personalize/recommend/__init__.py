"""What to show next: folds over the log that learn event by event, and the sources that give them to slots."""

from __future__ import annotations

from .embedded import Embedded
from .proof import ProofCounts, ProofSource
from .source import RecommendationSource

__all__ = ["Embedded", "ProofCounts", "ProofSource", "RecommendationSource"]
