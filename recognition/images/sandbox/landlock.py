"""Leaves a process no files but those that its libraries are loaded from, and no TCP, by Linux's Landlock."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import recognition

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls
_ASK_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE, _READ, _LIST = 1, 2, 4, 8
_EVERYTHING_BY_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1}  # which later ones understand
_VERSION_WITH_NETWORK, _BIND_AND_CONNECT = 4, 3


def confine_process() -> bool:
    """Whether it is confined: older systems do not know how. The process must have given up new privileges."""
    library = ctypes.CDLL(None, use_errno=True)
    version = library.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    everything = _EVERYTHING_BY_VERSION[min(version, 3)]
    has_network = version >= _VERSION_WITH_NETWORK
    handled = (
        struct.pack("=QQ", everything, _BIND_AND_CONNECT) if has_network else struct.pack("=Q", everything)
    )
    rules = library.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    if rules < 0:
        return False
    for path, allowed in _list_needed_paths():
        _allow(library, rules, path, allowed)
    is_done = library.syscall(_RESTRICT_SELF, rules, 0)
    os.close(rules)
    return bool(is_done == 0)


def _list_needed_paths() -> Iterator[tuple[str, int]]:
    folders = {
        sys.prefix,
        sys.base_prefix,
        *sysconfig.get_paths().values(),
        str(Path(recognition.__file__).parent),
    }
    folders |= {
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/proc/self",
        "/sys/devices/system/cpu",
    }
    folders |= set(filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")))
    for folder in folders:
        yield folder, _EXECUTE | _READ | _LIST
    for file in ("/etc/ld.so.cache", "/dev/urandom"):
        yield file, _READ
    yield os.devnull, _READ | _WRITE


def _allow(library: ctypes.CDLL, rules: int, path: str, allowed: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this system
    rule = struct.pack("=Qi", allowed if Path(path).is_dir() else allowed & ~_LIST, handle)
    library.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0)
    os.close(handle)
