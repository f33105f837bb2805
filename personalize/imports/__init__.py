"""Events from elsewhere: files of a shop's tills, an e-mail system, a CRM, a loyalty card -> the same log."""
