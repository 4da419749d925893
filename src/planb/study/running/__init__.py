"""Running steps: schedule, executors (local processes or Ray), progress and time left."""
