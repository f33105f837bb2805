"""What bandits learned and earned, from the log: worked out (`earned`), and shown by the command `bandit`."""
