"""From the marketplace to a signal, knowing neither Discord nor a database."""
