"""One revision a file, oldest first by number."""
