# SPDX-License-Identifier: BSD-3-Clause
"""One measurement: runs a client against a running server, gives its figures.

A figure is a dictionary with the names of cases.METRICS.
"""
import json
import os
import shutil
import subprocess
import time

from backends import Disks
from cases import MIB
from processes import cpu_seconds

LIMIT_SECONDS = 120


class Failed(Exception):
    pass


def _run(command):
    r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=LIMIT_SECONDS,
                       check=False)
    if r.returncode != 0:
        raise Failed((r.stderr or r.stdout).strip()[-300:])
    return r.stdout


class Clients:
    def __init__(self, load, seconds, disks):
        self.load, self.seconds, self.disks = load, seconds, disks

    def prepare(self, server, case):
        """Once, after the server has been started."""
        if case.fill or server.name == 'reference':
            self._load(server, case, ['--fill', '--requests', '1'])

    def measure(self, server, case):
        if case.cold:
            Disks.drop_from_cache(self.disks.file(case.backend))
        if case.tool == 'load':
            return self._measure_load(server, case)
        if case.tool == 'idle':
            return json.loads(_run([self.load, '--json', '--pid', str(server.pid),
                                    *case.load, server.uri()]))
        return self._measure_tool(server, case)

    def _load(self, server, case, arguments):
        # nbd-server knows nothing else.
        form = 'simple' if server.name == 'nbd-server' else case.form
        return json.loads(_run([self.load, '--json', '--pid', str(server.pid), '--form',
                                form, *arguments, server.uri()]))

    def _measure_load(self, server, case):
        refill = ['--fill'] if case.refill else []
        r = self._load(server, case, ['--seconds', str(self.seconds), *case.load, *refill])
        if r['requests'] == 0:
            raise Failed('not one request was answered')
        block = int(case.load[case.load.index('--block') + 1])
        figures = {
            'cpu_us': r['server_cpu_us'],
            'cpu_us_per_mib': r['server_cpu_us'] * MIB / block,
            'requests_per_s': r['requests_per_s'],
            'mb_per_s': r['mb_per_s'],
            'p50_us': r['p50_us'],
            'slowest_connection': r['slowest_connection'],
            'client_cpu_us': r['client_cpu_us'],
        }
        if r['extents'] > 0:
            figures['cpu_ns_per_extent'] = r['server_cpu_us'] * 1000 / r['extents']
            figures['extents'] = r['extents']
        return figures

    def _tool_command(self, server, case):
        uri, disk = server.uri(), self.disks.file('file-tmpfs')
        source = self.disks.file('source') if case.tool.endswith('write') else None
        image = ['qemu-img', 'convert', '-f', 'raw', '-O', 'raw']
        fio = ['fio', '--name=bench', '--ioengine=nbd', '--uri=' + uri, '--bs=4k',
               '--iodepth=32', '--time_based', '--runtime=%g' % max(self.seconds, 1),
               '--size=%d' % os.path.getsize(disk), '--output-format=json']
        return {
            'nbdcopy-read': ['nbdcopy', uri, 'null:'],
            'nbdcopy-write': ['nbdcopy', source, uri],
            'qemu-img-read': [*image, uri, self.disks.scratch('copy')],
            'qemu-img-write': [*image, '-n', source, uri],
            'fio-read': [*fio, '--rw=randread'],
            'fio-write': [*fio, '--rw=randwrite'],
        }[case.tool]

    def _measure_tool(self, server, case):
        command = self._tool_command(server, case)
        if not shutil.which(command[0]):
            raise Failed(command[0] + ' is not installed')
        cpu, start = -cpu_seconds(server.pid), time.monotonic()
        out = _run(command)
        cpu, seconds = cpu + cpu_seconds(server.pid), time.monotonic() - start
        if case.tool.startswith('fio'):
            # fio prints remarks before the JSON.
            job = json.loads(out[out.index('{'):])['jobs'][0]
            part = job['read' if case.tool == 'fio-read' else 'write']
            return {'requests_per_s': part['iops'],
                    'cpu_us': cpu * 1e6 / max(part['total_ios'], 1)}
        return {'mb_per_s': self.disks.size / seconds / 1e6,
                'cpu_us_per_mib': cpu * 1e6 / (self.disks.size / MIB)}
