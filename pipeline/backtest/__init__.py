"""Backtest: what a model's signals would have brought, had each been bought and sold on."""
