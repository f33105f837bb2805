"""Last week's traffic under a proposed config: decided again (`replay`) by one process or several (`replayers`), and
shown (`command`)."""
