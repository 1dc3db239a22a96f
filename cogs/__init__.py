"""What people see and touch in Discord: one cog a subject."""
