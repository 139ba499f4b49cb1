"""How much one task may take, and what can go wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1_048_576
# No worker ever maps more, whatever a task asks for.
MEMORY_CEILING_BYTES = 512 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one task. ``wall_s`` is kept by the service, which kills; the others by the kernel.

    ``output_bytes``: how large a file may become that the task writes to; 0 writes nothing.
    """

    cpu_s: float = 1.5
    wall_s: float = 4.0
    memory_bytes: int = MEMORY_CEILING_BYTES
    output_bytes: int = 0


class WorkersBusy(Exception):
    """No worker became free in time, too many wait already, or none can be started: try again."""

    retry_after_s = 2


class WorkerLost(Exception):
    """The worker was killed from outside while it worked (the kernel without memory, an operator): try again."""

    retry_after_s = 2


class TaskOverran(Exception):
    """The task was stopped: ``what`` is memory, cpu, wall or crash. The same input would end the same way."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class TaskFailed(Exception):
    """The task raised; ``kind`` is the exception's class. Its message stays in the worker: it may quote the file."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind
