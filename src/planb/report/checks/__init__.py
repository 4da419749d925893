"""The pages of checks: ``planb data check`` (training data) and ``planb judge check`` (a judge)."""
