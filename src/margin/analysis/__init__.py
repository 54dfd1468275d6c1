"""What margins are worth: tests of past margins against what happened next."""
