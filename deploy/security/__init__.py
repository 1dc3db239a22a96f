"""What `make security` runs over the code, the tracked files and the locked packages."""
