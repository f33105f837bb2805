"""What operators do to a running site, and what they are told: pause, promote, complaints, history, triggers, report.

What they do is a line in the log, so every worker follows it and `history` can tell it: `pauses`, `promotions`,
`complaints` and `changes` are folds over those lines, `promoter` writes some by itself. `switch`, `promoting`,
`triggers` and `reporting` are the commands.
"""
