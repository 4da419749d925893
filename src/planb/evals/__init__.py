"""Requests x elicitation x judge as Inspect tasks, run in batches here or by Inspect itself.

The table of tasks is ``planb.evals.tasks.TASKS``; nothing is imported here, so that ``planb status``
need not load Inspect.
"""
