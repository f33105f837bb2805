"""Pages seen before."""


class Shapes:
    """Known pages, bounded in bytes over all routes."""

    def __init__(self, limit: int = 64 << 20) -> None:
        self.limit = limit
