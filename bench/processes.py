# SPDX-License-Identifier: BSD-3-Clause
"""Processes with all that descend from them: their CPU time, and their end."""
import ctypes
import os
import signal
import time

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """A server that goes to the background becomes our child, to be waited for."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def family(pid):
    """The process and all that descend from it."""
    yield pid
    try:
        for task in os.listdir('/proc/%d/task' % pid):
            with open('/proc/%d/task/%s/children' % (pid, task), encoding='ascii') as f:
                for child in f.read().split():
                    yield from family(int(child))
    except OSError:
        pass


def cpu_seconds(pid):
    """Counted in nanoseconds, threads that have ended included; children that have
    ended in hundredths."""
    total = 0
    for p in family(pid):
        try:
            total += time.clock_gettime((~p << 3) | 2)
            with open('/proc/%d/stat' % p, encoding='ascii') as f:
                fields = f.read().rpartition(')')[2].split()
            total += (int(fields[13]) + int(fields[14])) / os.sysconf('SC_CLK_TCK')
        except OSError:
            pass
    return total


def _wait(pid, seconds):
    """Whether it ended in time."""
    end = time.monotonic() + seconds
    while True:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return True
        except ChildProcessError:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.01)


def end(pid):
    """Asks the process to end, then makes it and its children end."""
    members = list(family(pid))
    try:
        os.kill(pid, signal.SIGTERM)
        _wait(pid, 3)
    except ProcessLookupError:
        pass
    for p in members:
        try:
            os.kill(p, signal.SIGKILL)
        except ProcessLookupError:
            continue
        _wait(p, 5)


def end_adopted():
    """Whatever is left of those that went to the background."""
    for pid in list(family(os.getpid()))[1:]:
        end(pid)
