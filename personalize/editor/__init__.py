"""What editors look at: a page as somebody else would see it (`preview`), and the commands that show it, and why it is
as it is (`previewing`, `explaining`)."""
