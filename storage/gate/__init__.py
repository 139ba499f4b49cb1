"""What limited workers look for in a stranger's file. Parsers run there only, never in the service (DESIGN D9)."""
