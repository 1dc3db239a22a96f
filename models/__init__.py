"""What a price model is: members, weights, calibration, fast inference and the signed store.

Nothing in here has heard of axies: arrays go in, distributions of log prices come out.
"""
