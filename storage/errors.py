"""What can go wrong at rest, in the words of the domain.

Nothing here knows HTTP; no message carries a name, a number, a token or a link.
"""

from __future__ import annotations


class StorageError(Exception):
    """Root of this room's errors."""


class DocumentMissing(StorageError):
    """The object store does not hold an object that the database names."""


class SealBroken(StorageError):
    """A sealed object does not authenticate: flipped, truncated, swapped, reordered, over-long or another's."""


class StoreUnavailable(StorageError):
    """The object store refused, failed, was too slow or sent a body of the wrong length.

    ``passing``: it said "not now" before it did anything, so the same request may go better in a moment.
    """

    def __init__(self, words: str = "", *, passing: bool = False) -> None:
        super().__init__(words)
        self.passing = passing


class UploadBroken(StorageError):
    """The sender's body ended early or does not have the digest that was announced; nothing was kept."""


class GateBusy(StorageError):
    """No verdict about an upload now: the spool is full, no worker is free, or one was lost. Nothing was kept; try again."""


class ScannerUnavailable(StorageError):
    """The malware scanner is away, too slow, out of date or said something that is no verdict: nothing was kept (F34)."""


class DatabaseUnavailable(StorageError):
    """The database cannot be reached, is a standby, or went away before COMMIT was sent: nothing was kept."""


class Unstorable(StorageError):
    """A value that the database cannot hold, for example text with a NUL."""


class CommitUnknown(StorageError):
    """The connection failed while COMMIT was under way: the caller must look before it does anything twice."""


class RootKeyRefused(StorageError):
    """A root key that must not be used: missing, open to others, of another length, a sample, or another one."""


class RootKeyAway(StorageError):
    """The holder of the root key (OpenBao, an HSM) does not answer, or will not at the moment: try again."""


class KeyMissing(StorageError):
    """A wrapped key is not there: never made, or destroyed by an erasure."""


class LedgerUnavailable(StorageError):
    """The ledger cannot write at the moment; nothing was done, try again."""


class ClockWentBack(LedgerUnavailable):
    """The database's clock is more than 5 s behind the ledger's head."""


class LedgerHalted(LedgerUnavailable):
    """History was changed under the ledger; nothing is written until an operator has looked."""


class NodeMissing(StorageError):
    """The log lacks an entry or a subtree that a tree of the asked size has: beyond its end, or history was damaged."""


class TilePathRefused(StorageError):
    """Not the one spelling of a tile's address."""


class TileNotPublished(StorageError):
    """A tile beyond the published checkpoint: of entries that are not public yet, or of none."""


class OutcomeUnknown(LedgerUnavailable):
    """No answer in time: the act may stand or not. Whoever asked must look before cleaning up or doing it again."""


class LedgerBusy(LedgerUnavailable):
    """2,048 acts wait already."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("busy")
        self.retry_after_s = retry_after_s


class TooManyRefusals(StorageError):
    """The caller was refused more than 60 times this minute."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("too many refusals")
        self.retry_after_s = retry_after_s


class JudgeFailed(StorageError):
    """A judge raised: its item is refused and on record, a bug to be looked at."""


class WorkPoisoned(StorageError):
    """The database cannot store what this item would write."""
