#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares nbdsrv with a bare reference server and with other NBD servers.

All servers of a case run side by side and are measured in turns, several
rounds, so that what else the machine does meets all of them alike.
"""
import argparse
import os
import platform
import signal
import sys
import time

import processes
from backends import NAMES, Disks, Servers
from cases import CASES, GIB, MIB
from measure import Clients, Failed
from picture import as_svg
from results import Result, as_json, as_text


def _arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--builddir', default='build', help='where make ran (build)')
    p.add_argument('--nbdsrv', help='another nbdsrv than BUILDDIR/nbdsrv')
    p.add_argument('--list', action='store_true', help='print the names of all cases')
    p.add_argument('--case', action='append', metavar='NAME',
                   help='only cases whose names begin so; may be repeated')
    p.add_argument('--server', action='append', metavar='NAME', choices=NAMES,
                   help='only these servers; may be repeated')
    p.add_argument('--rounds', type=int, help='how often each is measured (5)')
    p.add_argument('--seconds', type=float, help='how long each time (1)')
    p.add_argument('--quick', action='store_true',
                   help='3 rounds of 0.3 seconds on small disks, if not said otherwise')
    p.add_argument('--size', type=int, metavar='MIB', help='of the disks, in MiB (1024)')
    p.add_argument('--dir', default='/var/tmp', help='for the file on a disk (/var/tmp)')
    p.add_argument('--text', metavar='FILE', help='write the tables there, too')
    p.add_argument('--json', metavar='FILE', help='write all figures there')
    p.add_argument('--svg', metavar='FILE', help='write the picture there')
    a = p.parse_args()
    a.rounds = a.rounds or (3 if a.quick else 5)
    a.seconds = a.seconds or (0.3 if a.quick else 1)
    a.size = (a.size or (256 if a.quick else GIB // MIB)) * MIB
    a.nbdsrv = os.path.abspath(a.nbdsrv or os.path.join(a.builddir, 'nbdsrv'))
    return a


def _program(a, name):
    path = os.path.join(a.builddir, 'bench', name)
    if not os.access(path, os.X_OK):
        sys.exit('run.py: %s is missing: make -C %s bench-programs' % (path, a.builddir))
    return os.path.abspath(path)


def _say(text):
    print(text, file=sys.stderr, flush=True)


def _start_all(servers, clients, case, names, running, failures):
    for name in names:
        try:
            server = servers.start(name, case)
            if server:
                running[name] = server
                clients.prepare(server, case)
        except (RuntimeError, Failed) as e:
            failures[name] = str(e)
            if name in running:
                running.pop(name).stop()


def _run_case(case, names, a, servers, clients):
    result = Result(case)
    running = {}
    try:
        _start_all(servers, clients, case, names, running, result.failures)
        for turn in range(a.rounds):
            order = [n for n in names if n in running and n not in result.failures]
            # Nobody is always first.
            start = turn % max(len(order), 1)
            for name in order[start:] + order[:start]:
                try:
                    result.figures[name].append(clients.measure(running[name], case))
                except Failed as e:
                    result.failures[name] = str(e)
    finally:
        for server in running.values():
            server.stop()
    return result


def _about(a, servers):
    model = ''
    with open('/proc/cpuinfo', encoding='utf-8') as f:
        for line in f:
            if line.startswith('model name'):
                model = line.split(':', 1)[1].strip()
                break
    return {'kernel': platform.release(), 'cpu': model, 'cpus': os.cpu_count(),
            'rounds': a.rounds, 'seconds': a.seconds, 'disk_mib': a.size // MIB,
            'load_average': os.getloadavg()[0], 'versions': servers.versions()}


def _choose(a):
    chosen = [c for c in CASES
              if not a.case or any(c.name.startswith(n) for n in a.case)]
    if not chosen:
        sys.exit('run.py: no such case; see --list')
    return chosen


def _write(name, text):
    if name:
        with open(name, 'w', encoding='utf-8') as f:
            f.write(text)


def main():
    a = _arguments()
    if a.list:
        for case in CASES:
            print('%-24s %s' % (case.name, case.title))
        return 0
    chosen = _choose(a)
    load, reference = _program(a, 'load'), _program(a, 'reference')
    names = [n for n in NAMES if not a.server or n in a.server]
    for number in signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, signal.default_int_handler)
    processes.adopt_orphans()
    disks = Disks(a.size, a.dir)
    results, status = [], 0
    try:
        servers = Servers(a.nbdsrv, reference, disks)
        clients = Clients(load, a.seconds, disks)
        about = _about(a, servers)
        for case in chosen:
            start = time.monotonic()
            results.append(_run_case(case, names, a, servers, clients))
            _say('%-24s %4.0f s' % (case.name, time.monotonic() - start))
    except KeyboardInterrupt:
        _say('run.py: interrupted; what was measured so far:')
        status = 130
    finally:
        processes.end_adopted()
        disks.close()
    if not results:
        return status
    text = as_text(results)
    print(text, end='')
    _write(a.text, text)
    _write(a.json, as_json(results, about))
    _write(a.svg, as_svg(results))
    return status


if __name__ == '__main__':
    sys.exit(main())
