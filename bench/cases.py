# SPDX-License-Identifier: BSD-3-Clause
"""What is measured: one Case for each line of work, with the targets it has.

A target compares nbdsrv's median with another server's, or with a constant.
"""
from dataclasses import dataclass, field

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

# Metrics: how a server's figure is shown.  name: (title, digits, whether less is better)
METRICS = {
    'cpu_us': ('CPU us per request', 2, True),
    'cpu_us_per_mib': ('CPU us per MiB', 0, True),
    'cpu_ns_per_extent': ('CPU ns per extent', 1, True),
    'requests_per_s': ('requests/s', 0, False),
    'mb_per_s': ('MB/s', 0, False),
    'p50_us': ('median latency us', 1, True),
    'slowest_connection': ('slowest connection, of the mean', 2, False),
    'threads': ('threads per connection', 2, True),
    'rss_kib': ('KiB per connection', 1, True),
}


@dataclass
class Target:
    metric: str
    against: str      # a server's name, or '' for a limit that is a figure itself
    limit: float

    def holds(self, value):
        return value <= self.limit if METRICS[self.metric][2] else value >= self.limit

    def text(self):
        return ('<= %g' if METRICS[self.metric][2] else '>= %g') % self.limit


@dataclass
class Case:
    name: str
    title: str
    backend: str                   # see backends.py
    load: list                     # arguments of bench/load, or of a tool
    metrics: list                  # the first is the headline
    targets: list = field(default_factory=list)
    tool: str = 'load'
    fill: bool = False             # write the whole disk first, once (the reference: always)
    refill: bool = False           # or before each measurement
    form: str = 'structured'
    tcp: bool = False
    tls: str = ''                  # psk or x509
    filters: bool = False          # against nbdsrv itself without filters
    cold: bool = False             # drop the file from the page cache first
    picture: bool = False


def _targets(metric, reference=None, nbdkit=None, reference_file=None):
    limits = (('reference', reference), ('reference-file', reference_file),
              ('nbdkit', nbdkit))
    return [Target(metric, who, limit) for who, limit in limits if limit]


def _small(op, **more):
    return ['--op', op, '--block', '4096', '--depth', str(more.get('depth', 32)),
            '--connections', str(more.get('connections', 4))]


def _large(op):
    return ['--op', op, '--block', str(MIB), '--sequential', '--depth', '8',
            '--connections', '1']


def _memory_cases():
    rate = _targets('requests_per_s', 0.80, 2.0)
    for backend in 'memory', 'null':
        for op, reference, nbdkit in ('read', 1.25, 0.40), ('write', 1.35, 0.30):
            yield Case('%s-%s-4k' % (backend, op), '%s, 4 KiB random %s' % (backend, op),
                       backend, _small(op), ['cpu_us', 'requests_per_s'],
                       _targets('cpu_us', reference, nbdkit) + rate,
                       fill=True, picture=backend == 'memory',
                       form='simple' if backend == 'null' else 'structured')
    yield Case('memory-mixed-4k', 'memory, 4 KiB random, 70% reads', 'memory',
               _small('mixed'), ['cpu_us', 'requests_per_s'], fill=True)
    yield Case('memory-read-1m', 'memory, 1 MiB sequential read', 'memory', _large('read'),
               ['cpu_us_per_mib', 'mb_per_s'], fill=True)
    yield Case('memory-write-1m', 'memory, 1 MiB sequential write', 'memory',
               _large('write'), ['cpu_us_per_mib', 'mb_per_s'], fill=True)
    for op in 'zero', 'trim', 'flush':
        yield Case('memory-%s-4k' % op, 'memory, %s, 4 KiB random' % op, 'memory',
                   _small(op) + ['--range', str(256 * MIB)], ['cpu_us', 'requests_per_s'],
                   _targets('cpu_us', 1.5, 0.35), refill=op != 'flush')


def _bridge_cases():
    """Plugins of nbdkit: the same binary in both."""
    for plugin in 'memory', 'pattern', 'null':
        for op in ('read', 'write') if plugin == 'memory' else ('read',):
            yield Case('nbdkit-%s-%s-4k' % (plugin, op),
                       "nbdkit's %s plugin, 4 KiB random %s" % (plugin, op),
                       'nbdkit-' + plugin, _small(op), ['cpu_us', 'requests_per_s'],
                       _targets('cpu_us', None, 0.5), fill=plugin == 'memory',
                       form='simple' if plugin == 'null' else 'structured')


def _file_cases():
    for where in 'tmpfs', 'disk':
        for op in 'read', 'write':
            yield Case('file-%s-%s-4k' % (where, op),
                       'file (%s, cached), 4 KiB random %s' % (where, op),
                       'file-' + where, _small(op), ['cpu_us', 'requests_per_s'],
                       _targets('cpu_us', None, 0.40), picture=where == 'tmpfs')
    for where in 'tmpfs', 'disk':
        for op, reference, nbdkit in ('read', 1.2, 0.6), ('write', 1.5, 0.7):
            yield Case('file-%s-%s-1m' % (where, op),
                       'file (%s, cached), 1 MiB sequential %s' % (where, op),
                       'file-' + where, _large(op), ['cpu_us_per_mib', 'mb_per_s'],
                       _targets('cpu_us_per_mib', reference, nbdkit, reference),
                       picture=where == 'tmpfs')
    yield Case('file-uncached-read-4k', 'file not in the page cache, 4 KiB random read',
               'file-disk', _small('read'),
               ['requests_per_s', 'slowest_connection', 'cpu_us'],
               _targets('requests_per_s', None, 1.0) +
               [Target('slowest_connection', '', 0.5)], cold=True)
    yield Case('block-status', 'block status over 1 GiB, 100,000 extents', 'extents',
               ['--op', 'status', '--block', str(GIB), '--depth', '1', '--connections',
                '1', '--requests', '3'], ['cpu_ns_per_extent', 'requests_per_s'],
               _targets('cpu_ns_per_extent', None, 0.5), picture=True)


def _other_cases():
    one = _small('read', depth=1, connections=1)
    yield Case('memory-latency', 'memory, 4 KiB random read at depth 1', 'memory', one,
               ['p50_us', 'cpu_us'], _targets('p50_us', 1.15, 1.05), fill=True)
    yield Case('file-latency', 'file (tmpfs), 4 KiB random read at depth 1', 'file-tmpfs',
               one, ['p50_us', 'cpu_us'], _targets('p50_us', 1.4, 0.95, 1.4))
    yield Case('tcp-read-4k', 'memory over TCP, 4 KiB random read', 'memory',
               _small('read'), ['cpu_us', 'requests_per_s'],
               _targets('cpu_us', 1.25, 0.5), fill=True, tcp=True, picture=True)
    for tls in 'x509', 'psk':
        for op in 'read', 'write':
            yield Case('tls-%s-%s-256k' % (tls, op),
                       'memory over TLS (%s), 256 KiB %s' % (tls, op), 'memory',
                       ['--op', op, '--block', str(256 * KIB), '--depth', '8',
                        '--connections', '2', '--range', str(64 * MIB)],
                       ['cpu_us_per_mib', 'mb_per_s'],
                       _targets('cpu_us_per_mib', None, 0.6), refill=True, tls=tls,
                       picture=tls == 'x509')
    yield Case('tls-x509-read-4k', 'memory over TLS (x509), 4 KiB random read', 'memory',
               _small('read'), ['cpu_us', 'requests_per_s'],
               _targets('cpu_us', None, 0.6), fill=True, tls='x509')
    yield Case('delay-1ms', 'a disk that needs 1 ms, one connection at depth 32, -t 32',
               'delay', _small('read', connections=1), ['requests_per_s', 'cpu_us'],
               _targets('requests_per_s', None, 1.0))
    yield Case('filters', 'memory under readonly, log and offset, 4 KiB random read',
               'memory', _small('read'), ['cpu_us', 'requests_per_s'],
               [Target('cpu_us', 'unfiltered', 1.05)], filters=True, form='simple')
    for count in 500, 1000:
        yield Case('idle-%d' % count, '%d idle connections' % count, 'memory',
                   ['--idle', str(count)], ['threads', 'rss_kib'],
                   [Target('threads', '', 1.0), Target('rss_kib', '', 64)], tool='idle')


def _user_cases():
    for tool, metrics in (('nbdcopy-read', ['mb_per_s', 'cpu_us_per_mib']),
                          ('nbdcopy-write', ['mb_per_s', 'cpu_us_per_mib']),
                          ('qemu-img-read', ['mb_per_s', 'cpu_us_per_mib']),
                          ('qemu-img-write', ['mb_per_s', 'cpu_us_per_mib']),
                          ('fio-read', ['requests_per_s', 'cpu_us']),
                          ('fio-write', ['requests_per_s', 'cpu_us'])):
        yield Case(tool, '%s, file (tmpfs)' % tool.replace('-', ' ').replace('qemu ', 'qemu-'),
                   'file-tmpfs', [], metrics, tool=tool)


CASES = [*_memory_cases(), *_bridge_cases(), *_file_cases(), *_other_cases(), *_user_cases()]
