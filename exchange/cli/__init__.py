"""The command line: a caller like the routes."""
