"""Words with a meaning of their own in the language, beside the keys."""

from __future__ import annotations

BUILT_IN_SOURCES = ("recommendations", "proof")  # names that need no entry under `sources`
SOURCE_KINDS = ("recommendations", "proof", "http")
STRATEGIES = (
    "popular", "related", "bought_together", "next_product", "next_basket", "recently_viewed", "replenishment",
)  # fmt: skip
METRICS = ("bought", "viewed")
LONGEST_PROOF = 30 * 86_400.0  # seconds that social proof can look back
EXCLUSIONS = ("bought", "in_cart", "out_of_stock")
EVERYONE = "everyone"  # the condition that always holds; no segment can have its name
