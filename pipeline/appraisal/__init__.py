"""Appraising an axie: the subject, the market's state, the features, the forecast.

The words are those of property appraisal: the *subject* is what is being valued, its *comparables* are
past sales of things like it.
"""
