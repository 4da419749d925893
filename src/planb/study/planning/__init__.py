"""What a run would do, in which order, how long it takes and what it costs, before anything starts."""
