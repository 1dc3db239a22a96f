"""The marketplace as typed values: what it lists, sells and how we ask it."""
