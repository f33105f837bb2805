"""What an operator does with the log as a whole: move it to another store, and make the folds anew from it."""
