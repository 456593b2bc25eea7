"""Sends tasks by name once the transaction has committed, and claims rows by leases.

The broker promises nothing: a message may be lost, doubled or late. What counts is the row. A worker that
wants a row takes a lease on it (who, until when, which attempt) with one conditional UPDATE, extends the lease
while it works, and gives it up with the result. What a dead process leaves is found by the sweep and waits again;
what ended its process `MAX_ATTEMPTS` times is set aside as failed.
"""

from gallery.queue.clock import now
from gallery.queue.holding import held
from gallery.queue.leases import (
    LeaseLost,
    claim,
    enqueue,
    extend,
    finish,
    owner,
    put_back,
    recover,
    waiting,
)
from gallery.queue.sending import send

__all__ = [
    "LeaseLost",
    "claim",
    "enqueue",
    "extend",
    "finish",
    "held",
    "now",
    "owner",
    "put_back",
    "recover",
    "send",
    "waiting",
]
