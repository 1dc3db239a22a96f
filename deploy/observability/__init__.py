"""The dashboard and the alarms, held against what the bot really exposes."""
