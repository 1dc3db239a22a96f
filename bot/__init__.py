"""The process: command line, settings, composition, database, services, supervision, HTTP."""
