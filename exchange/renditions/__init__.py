"""Copies that leave: stamped, burned in, redacted. Bytes in, bytes out; who asks and where they rest is not known here.

Everything in this room runs in a limited worker process (DESIGN D9): it parses what others made.
"""
