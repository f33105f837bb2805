"""What operators do to a running site, and what they are told: pause, promote, complaints, history, triggers, report.

What they do is a line in the log, so every worker follows it and `history` can tell it. `pauses` and `promotions` (by
`held`) and `complaints` are folds over the log, `changes` tells its lines, `promoter` writes some by itself by what
`results` finds. `switch`, `promoting`, `triggers` and `reporting` are the commands.
"""
