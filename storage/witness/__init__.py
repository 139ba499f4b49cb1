"""A witness (https://c2sp.org/tlog-witness): it cosigns checkpoints of logs that it knows, and never two histories of one.

It stands on the ledger's pure modules alone: whoever runs one needs no database, no object store and nothing of Berkas's keys.
"""
