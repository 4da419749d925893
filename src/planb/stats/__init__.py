"""Statistics: intervals, the bootstrap, paired differences, agreement, and numbers as text."""
