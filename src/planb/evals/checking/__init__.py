"""Are the training data what they should be? Checked before training on them: ``planb data check``.

``check.check`` looks at examples with tiers and gives a ``result.CheckResult``: a verdict for each of
the checks, a file each. Nothing is imported here, so that the command line starts fast.
"""
