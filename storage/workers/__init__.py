"""Processes with limits for work on files that strangers sent (DESIGN D9): ``LimitedWorkers`` and its words."""

from storage.workers.limits import Limits, TaskFailed, TaskOverran, WorkerLost, WorkersBusy
from storage.workers.pool import LimitedWorkers

__all__ = ["LimitedWorkers", "Limits", "TaskFailed", "TaskOverran", "WorkerLost", "WorkersBusy"]
