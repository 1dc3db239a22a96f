"""`make screenshots`: pictures of the demo's own page for the docs, at desktop and phone width.

`scenes` gives the commands of each picture as a person would, `camera` photographs the page in a headless
browser, and `lives` runs the whole bot against both simulated worlds meanwhile.
"""
