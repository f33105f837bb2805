"""What to show next: folds over the log that learn event by event, and the sources that give them to slots."""

from __future__ import annotations

from .embedded import STRATEGIES, Embedded
from .proof import METRICS, ProofCounts, ProofSource
from .source import RecommendationSource

__all__ = ["METRICS", "STRATEGIES", "Embedded", "ProofCounts", "ProofSource", "RecommendationSource"]
