"""Evaluation: how good the forecasts would have been, on sales whose price they could not know."""
