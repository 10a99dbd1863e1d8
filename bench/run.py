#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares NBD servers in one run: see bench/README.md."""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

GIB = 1 << 30
SERVERS = ['reference', 'nbdsrv', 'nbdkit', 'qemu-nbd']


class Case:
    def __init__(self, name, backend, load, metric='server_cpu_us', **kw):
        self.name, self.backend, self.load, self.metric = name, backend, load, metric
        self.tcp = kw.get('tcp', False)
        self.size = kw.get('size', GIB)
        self.prepare = kw.get('prepare')
        self.args = kw.get('args', [])          # filters, of nbdsrv and nbdkit
        self.params = kw.get('params', [])
        self.targets = kw.get('targets', {})    # {server: most of our value / its value}
        self.only = kw.get('only', SERVERS)
        self.command = kw.get('command')        # a client program instead of the load generator
        self.higher = metric == 'requests_per_s'


def random_4k(op, **kw):
    return ['--op', op, '--depth', '32', '--connections', '4']


def sequential_1m(op):
    return ['--op', op, '--block', str(1 << 20), '--sequential', '--depth', '4', '--connections', '4']


def cases(tmpfs, disk):
    yield Case('memory-read-4k', 'memory', random_4k('read'), targets={'reference': 1.25, 'nbdkit': .40})
    yield Case('memory-write-4k', 'memory', random_4k('write'), targets={'reference': 1.35, 'nbdkit': .30})
    yield Case('memory-read-4k-rate', 'memory', random_4k('read'), 'requests_per_s',
               targets={'reference': .80, 'nbdkit': 2.0})
    yield Case('memory-write-4k-rate', 'memory', random_4k('write'), 'requests_per_s',
               targets={'reference': .80, 'nbdkit': 2.0})
    yield Case('memory-read-4k-simple', 'memory', random_4k('read') + ['--form', 'simple'])
    yield Case('null-read-4k', 'null', random_4k('read'), targets={'reference': 1.25, 'nbdkit': .40})
    for name, where in (('tmpfs', tmpfs), ('disk', disk)):
        for op in 'read', 'write':
            yield Case('file-%s-%s-4k' % (name, op), 'file:' + where, random_4k(op), size=GIB // 2,
                       targets={'nbdkit': .40})
            yield Case('file-%s-%s-1m' % (name, op), 'file:' + where, sequential_1m(op), size=GIB // 2,
                       targets={'reference': 1.2 if op == 'read' else 1.5,
                                'nbdkit': .6 if op == 'read' else .7})
    depth1 = ['--op', 'read', '--depth', '1', '--connections', '1']
    yield Case('memory-latency', 'memory', depth1, 'p50_us', targets={'reference': 1.15, 'nbdkit': 1.05})
    yield Case('file-latency', 'file:' + disk, depth1, 'p50_us', size=GIB // 2,
               targets={'reference': 1.4, 'nbdkit': .95})
    for op in 'zero', 'trim', 'flush':
        yield Case('memory-' + op, 'memory', random_4k(op), targets={'reference': 1.5, 'nbdkit': .35})
    yield Case('tcp-read-4k', 'memory', random_4k('read'), tcp=True, targets={'reference': 1.25, 'nbdkit': .5})
    yield Case('block-status', 'memory', ['--op', 'status', '--block', str(GIB - 4096), '--depth', '4',
                                          '--connections', '1'],
               prepare='fragments', targets={'nbdkit': .5}, only=['nbdsrv', 'nbdkit'])
    yield Case('file-uncached', 'file:' + disk, random_4k('read'), 'requests_per_s', size=GIB // 2,
               prepare='drop', targets={'nbdkit': 1.0}, only=['reference', 'nbdsrv', 'nbdkit', 'qemu-nbd'])
    yield Case('delay-1ms', 'memory', ['--op', 'read', '--depth', '32', '--connections', '1'], 'requests_per_s',
               args=['--filter=delay', '-t', '32'], params=['rdelay=1ms'], targets={'nbdkit': 1.0},
               only=['nbdsrv', 'nbdkit'])
    yield Case('three-filters', 'memory', random_4k('read'),
               args=['--filter=readonly', '--filter=log', '--filter=offset'],
               params=['offset=4096'], only=['nbdsrv'])
    yield Case('idle-threads', 'memory', ['--idle', '1000'], 'threads', only=SERVERS[1:3])
    yield Case('idle-kib', 'memory', ['--idle', '1000'], 'kib', only=SERVERS[1:3])
    yield Case('nbdcopy', 'file:' + disk, None, 'seconds', size=GIB // 2,
               command='nbdcopy "$uri" null:')
    yield Case('qemu-img', 'file:' + disk, None, 'seconds', size=GIB // 2,
               command='qemu-img bench -f raw -c 20000 -d 32 -s 65536 "$uri" >/dev/null')
    yield Case('fio', 'memory', None, 'seconds',
               command='fio --name=x --ioengine=nbd --uri="$uri" --rw=randread --bs=4k --iodepth=32 '
                       '--size=256M --io_size=256M >/dev/null')


class Server:
    """One server on one backend, on a socket in dir."""

    def __init__(self, kind, case, dir, builddir, port):
        self.kind, self.case, self.builddir = kind, case, builddir
        self.socket = os.path.join(dir, kind + '.sock')
        self.port = port
        self.pidfile = os.path.join(dir, kind + '.pid')
        self.process = None

    def command(self):
        case, size = self.case, str(self.case.size)
        backend, _, path = case.backend.partition(':')
        where = ['-i', '127.0.0.1', '-p', str(self.port)] if case.tcp else ['-U', self.socket]
        if self.kind == 'reference':
            return [self.builddir + '/bench/reference', str(self.port) if case.tcp else self.socket, size] + (
                [path] if path else [])
        if self.kind in ('nbdsrv', 'nbdkit'):
            program = self.builddir + '/nbdsrv' if self.kind == 'nbdsrv' else 'nbdkit'
            return [program, '-f', *where, *case.args, backend, *([path] if path else [size]), *case.params]
        if self.kind == 'qemu-nbd' and path:
            where = ['-b', '127.0.0.1', '-p', str(self.port)] if case.tcp else ['-k', self.socket]
            return ['qemu-nbd', '-t', '-f', 'raw', '-e', '16', '-x', '', *where, path]
        return None

    def start(self):
        command = self.command()
        if not command or not shutil.which(command[0]):
            return False
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + 10
        while time.monotonic() < end and self.process.poll() is None:
            if self.load(['--op', 'read', '--requests', '1', '--connections', '1', '--depth', '1']):
                return True
            time.sleep(.01)
        self.stop()
        return False

    def uri(self):
        if self.case.tcp:
            return 'nbd://127.0.0.1:%d' % self.port
        return 'nbd+unix:///?socket=' + self.socket

    def load(self, args):
        where = ['--tcp', '127.0.0.1:%d' % self.port] if self.case.tcp else ['--unix', self.socket]
        r = subprocess.run([self.builddir + '/bench/load', *where, '--pid', str(self.process.pid), '--json', *args],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return json.loads(r.stdout) if r.returncode == 0 and r.stdout else None

    def measure(self, seconds):
        if self.case.command:
            start = time.monotonic()
            r = subprocess.run(['sh', '-c', self.case.command], env=dict(os.environ, uri=self.uri()),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=os.path.dirname(self.socket))
            return time.monotonic() - start if r.returncode == 0 else None
        if self.case.prepare == 'drop':
            path = self.case.backend.partition(':')[2]
            with open(path, 'rb') as f:
                os.fsync(f.fileno())
                os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        result = self.load(self.case.load + ([] if '--idle' in self.case.load else ['--seconds', str(seconds)]))
        return result and result[self.case.metric]

    def prepare(self):
        backend = self.case.backend
        if backend == 'memory' and self.case.prepare == 'fragments':
            self.fragments()
        elif backend == 'memory' and '--idle' not in (self.case.load or []):
            self.load(['--op', 'write', '--block', str(1 << 20), '--sequential', '--depth', '4',
                       '--connections', '4', '--requests', str(self.case.size >> 22)])

    def fragments(self):
        """100,000 extents: a page of every two."""
        import nbd
        h = nbd.NBD()
        h.connect_unix(self.socket)
        data = b'x' * 4096
        for i in range(50000):
            h.aio_pwrite(data, i * 20480)
            while h.aio_in_flight() > 100:
                h.poll(-1)
        while h.aio_in_flight():
            h.poll(-1)
        h.shutdown()

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def make_file(path, size):
    with open(path, 'wb') as f:
        block = os.urandom(1 << 20)
        for _ in range(size >> 20):
            f.write(block)
        os.fsync(f.fileno())


def run_case(case, options, dir, port):
    servers = []
    path = case.backend.partition(':')[2]
    if path:
        make_file(path, case.size)
    try:
        for kind in case.only:
            server = Server(kind, case, dir, options.builddir, port + len(servers))
            if (not options.server or kind in options.server) and server.start():
                servers.append(server)
        for server in servers:
            server.prepare()
        values = {s.kind: [] for s in servers}
        for _ in range(options.rounds):
            for server in servers:
                value = server.measure(options.seconds)
                if value is not None:
                    values[server.kind].append(value)
    finally:
        for server in servers:
            server.stop()
        if path and os.path.exists(path):
            os.unlink(path)
    return {kind: {'median': statistics.median(v), 'least': min(v), 'most': max(v)}
            for kind, v in values.items() if v}


def judge(case, result):
    """[(server, ratio, target, whether it holds)]"""
    ours = result.get('nbdsrv', {}).get('median')
    out = []
    for server, target in case.targets.items():
        theirs = result.get(server, {}).get('median')
        if ours is None or not theirs:
            continue
        ratio = ours / theirs
        out.append((server, ratio, target, ratio >= target if case.higher else ratio <= target))
    return out


def svg(path, results):
    """Bars of CPU time a request, for the cases that have it."""
    colours = {'reference': '#888888', 'nbdsrv': '#2a7de1', 'nbdkit': '#d9822b', 'qemu-nbd': '#9a4fb5'}
    shown = [(c, r) for c, r in results if c.metric == 'server_cpu_us' and 'nbdkit' in r and 'nbdsrv' in r]
    rows, y = [], 46
    for case, result in shown:
        most = max(v['median'] for v in result.values())
        rows.append('<text x="10" y="%d" class="t">%s</text>' % (y + 12, case.name))
        for kind, v in result.items():
            width = max(2, 380 * v['median'] / most)
            rows.append('<rect x="170" y="%d" width="%.0f" height="11" fill="%s"/>'
                        '<text x="%.0f" y="%d" class="s">%s %.2f</text>' %
                        (y, width, colours.get(kind, '#444'), 176 + width, y + 10, kind, v['median']))
            y += 14
        y += 8
    with open(path, 'w') as f:
        f.write('<svg xmlns="http://www.w3.org/2000/svg" width="720" height="%d" font-family="sans-serif">'
                '<style>.t{font-size:12px;fill:#666}.s{font-size:11px;fill:#666}.h{font-size:14px;fill:#666}'
                '@media (prefers-color-scheme: dark){.t,.s,.h{fill:#ccc}}</style>'
                '<text x="10" y="22" class="h">CPU time of the server, microseconds a request</text>%s</svg>\n' %
                (y, '\n'.join(rows)))


def main():
    parser = argparse.ArgumentParser(description='Compares nbdsrv with other NBD servers in one run.')
    parser.add_argument('--builddir', default='build')
    parser.add_argument('--case', action='append', help='only these (may be repeated)')
    parser.add_argument('--server', action='append', help='only these (may be repeated)')
    parser.add_argument('--list', action='store_true', help='list the cases')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=1)
    parser.add_argument('--quick', action='store_true', help='2 rounds of 0.3 s')
    parser.add_argument('--json', metavar='FILE')
    parser.add_argument('--svg', metavar='FILE')
    options = parser.parse_args()
    options.builddir = os.path.abspath(options.builddir)
    if options.quick:
        options.rounds, options.seconds = 2, .3
    dir = tempfile.mkdtemp(prefix='nbdsrv-bench-')
    shm = '/dev/shm' if os.access('/dev/shm', os.W_OK) else dir
    tmpfs = os.path.join(shm, os.path.basename(dir) + '.img')
    all_cases = list(cases(tmpfs, os.path.join(dir, 'disk.img')))
    if options.list:
        print('\n'.join(c.name for c in all_cases))
        return 0
    results = []
    print('%-24s %-14s' % ('case', 'unit') + ''.join('%12s' % s for s in SERVERS) + '   ratios')
    try:
        for case in all_cases:
            if options.case and case.name not in options.case:
                continue
            result = run_case(case, options, dir, 20000 + os.getpid() % 20000)
            results.append((case, result))
            row = ''.join('%12s' % ('%.5g' % result[s]['median'] if s in result else '-') for s in SERVERS)
            ratios = '  '.join('%s %.2f (%s %.2f: %s)' % (s, ratio, 'at least' if case.higher else 'at most', target,
                                                         'holds' if ok else 'MISSED')
                               for s, ratio, target, ok in judge(case, result))
            print('%-24s %-14s' % (case.name, case.metric) + row + '   ' + ratios, flush=True)
    except KeyboardInterrupt:
        print('stopped', file=sys.stderr)
    finally:
        shutil.rmtree(dir, ignore_errors=True)
        if os.path.exists(tmpfs):
            os.unlink(tmpfs)
    if options.json:
        with open(options.json, 'w') as f:
            json.dump([{'case': c.name, 'metric': c.metric, 'results': r} for c, r in results], f, indent=1)
    if options.svg:
        svg(options.svg, results)
    return 0


if __name__ == '__main__':
    sys.exit(main())
