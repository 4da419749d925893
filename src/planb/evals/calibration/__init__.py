"""Is a judge to be believed? Measured before it is used: ``planb judge check``.

``check.check`` runs the judge and returns a ``result.CalibrationResult``; ``result.find_calibration``
finds the stored one of a judge. Nothing is imported here, so that the command line starts fast.
"""
