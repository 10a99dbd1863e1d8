# SPDX-License-Identifier: BSD-3-Clause
"""The servers that are compared, and the disks they serve.

A Server is one running process with its socket; server_for starts one for a
case, or gives None where that server cannot do it.  Disks are made once, in
temporary folders that end with the run.
"""
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time

import processes
from cases import MIB

START_SECONDS = 15
STRIDE = 20480     # every second extent is a hole: 100,000 extents in 1 GiB
TOO_MANY = 1 << 20
AUTHORITY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                         'contrib', 'test-authority')

# reference answers from RAM in every case, reference-file with pread and pwrite.
NAMES = ['nbdsrv', 'unfiltered', 'reference', 'reference-file', 'nbdkit', 'qemu-nbd',
         'nbd-server']


class Disks:
    """Files to be served, made when they are first asked for."""

    def __init__(self, size, directory):
        self.size = size
        self.fast = tempfile.mkdtemp(prefix='nbdsrv-bench-', dir='/dev/shm')
        self.slow = tempfile.mkdtemp(prefix='nbdsrv-bench-', dir=directory)
        self.psk = os.path.join(self.fast, 'keys')
        with open(self.psk, 'w', encoding='ascii') as f:
            f.write('bench:' + os.urandom(32).hex() + '\n')
        self._certificates = None

    def certificates(self):
        if not self._certificates:
            self._certificates = os.path.join(self.fast, 'pki')
            subprocess.run(['sh', AUTHORITY, self._certificates], check=True)
        return self._certificates

    def socket(self):
        return os.path.join(tempfile.mkdtemp(dir=self.fast), 's')

    def scratch(self, name):
        return os.path.join(self.fast, name)

    def file(self, backend):
        name = os.path.join(self.slow if backend == 'file-disk' else self.fast, backend)
        if not os.path.exists(name):
            with open(name, 'wb') as f:
                if backend == 'extents':
                    self._fill_extents(f)
                else:
                    block = os.urandom(MIB)
                    for _ in range(self.size // MIB):
                        f.write(block)
                f.flush()
                os.fsync(f.fileno())
        return name

    def _fill_extents(self, f):
        block = os.urandom(4096)
        f.truncate(1024 * MIB)
        for offset in range(0, 1024 * MIB - 4096, STRIDE):
            os.pwrite(f.fileno(), block, offset)

    @staticmethod
    def drop_from_cache(name):
        fd = os.open(name, os.O_RDONLY)
        os.fdatasync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)

    def close(self):
        shutil.rmtree(self.fast, ignore_errors=True)
        shutil.rmtree(self.slow, ignore_errors=True)


def _many_files():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def _read_number(name):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            with open(name, encoding='ascii') as f:
                return int(f.read())
        except (FileNotFoundError, ValueError):
            time.sleep(0.01)
    raise RuntimeError('no number in ' + name)


class Server:
    def __init__(self, name, command, address, export='', tls='', psk='', pidfile=None):
        """address: the path of a Unix socket, or a port.  pidfile: it goes to the
        background and writes its number there."""
        self.name, self.address, self.export = name, address, export
        self.tls, self.psk = tls, psk
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            start_new_session=True, preexec_fn=_many_files)
        self.pid = self.process.pid
        try:
            self._wait()
            if pidfile:
                self.pid = _read_number(pidfile)
        except BaseException:
            self.stop()
            raise

    def uri(self):
        scheme = 'nbds' if self.tls else 'nbd'
        if isinstance(self.address, int):
            return '%s://127.0.0.1:%d/%s' % (scheme, self.address, self.export)
        psk = '&tls-psk-file=' + self.psk if self.psk else ''
        return '%s+unix:///%s?socket=%s%s' % (scheme, self.export, self.address, psk)

    def _answers(self):
        tcp = isinstance(self.address, int)
        with socket.socket(socket.AF_INET if tcp else socket.AF_UNIX) as s:
            s.settimeout(START_SECONDS)
            try:
                s.connect(('127.0.0.1', self.address) if tcp else self.address)
                return s.recv(8) == b'NBDMAGIC'
            except OSError:
                return False

    def _wait(self):
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            # Whoever goes to the background ends with 0 here.
            if self.process.poll() or time.monotonic() > end:
                self.log.seek(0)
                why = self.log.read().decode(errors='replace').strip()
                raise RuntimeError('%s does not start: %s' % (self.name, why[-300:]))
            time.sleep(0.01)

    def stop(self):
        processes.end(self.pid)
        self.process.poll()
        self.log.close()


class Servers:
    """Which programs there are, and how each is told to serve a disk."""

    def __init__(self, nbdsrv, reference, disks):
        self.disks = disks
        self.program = {'nbdsrv': nbdsrv, 'unfiltered': nbdsrv, 'reference': reference,
                        'reference-file': reference}
        for name in 'nbdkit', 'qemu-nbd', 'nbd-server':
            self.program[name] = shutil.which(name)

    def start(self, name, case):
        """None: it is not installed or has no such disk."""
        if not self.program.get(name):
            return None
        self.address = _free_port() if case.tcp else self.disks.socket()
        if case.backend.startswith('nbdkit-') and not self.program['nbdkit']:
            return None
        command = getattr(self, '_' + name.replace('-', '_'))(case)
        if command is None:
            return None
        own = name == 'nbd-server'
        return Server(name, [self.program[name], *command], self.address,
                      export='disk' if own else '',
                      tls=case.tls, psk=self.disks.psk if case.tls == 'psk' else '',
                      pidfile=self._pidfile() if own else None)

    def _pidfile(self):
        return self.address + '.pid'

    def _nbdkit_plugin(self, name):
        config = subprocess.run([self.program['nbdkit'], '--dump-config'],
                                stdout=subprocess.PIPE, text=True, check=True).stdout
        where = next(line[10:] for line in config.splitlines()
                     if line.startswith('plugindir='))
        return os.path.join(where, name + '-plugin.so')

    def _kit(self, case, extra=()):
        """nbdsrv and nbdkit understand the same words."""
        if case.tcp:
            where = ['-i', '127.0.0.1', '-p', str(self.address)]
        else:
            where = ['-U', self.address]
        tls = ['--tls=require'] if case.tls else []
        if case.tls == 'psk':
            tls.append('--tls-psk=' + self.disks.psk)
        elif case.tls:
            tls.append('--tls-certificates=' + self.disks.certificates())
        if case.backend == 'delay':
            what = ['-t', '32', '--filter=delay', 'memory', '64M', 'rdelay=1ms']
        elif case.backend in ('memory', 'null'):
            what = [case.backend, str(self.disks.size)]
        elif case.backend.startswith('nbdkit-'):
            what = [self._nbdkit_plugin(case.backend), str(self.disks.size)]
        else:
            what = ['file', self.disks.file(case.backend)]
        return ['-f', *where, *tls, *extra, *what]

    def _nbdsrv(self, case):
        filters = ['--filter=readonly', '--filter=log', '--filter=offset']
        return self._kit(case, filters if case.filters else ())

    def _unfiltered(self, case):
        return self._kit(case) if case.filters else None

    def _nbdkit(self, case):
        return None if case.filters else self._kit(case)

    def _reference(self, case):
        if (case.tls or case.filters or case.cold or case.backend in ('extents', 'delay')
                or case.backend.startswith('nbdkit-')):
            return None
        return [str(self.address), str(self.disks.size)]

    def _reference_file(self, case):
        if not case.backend.startswith('file-'):
            return None
        return [self.address, str(self.disks.size), self.disks.file(case.backend)]

    def _qemu_nbd(self, case):
        if case.tls or case.filters or case.backend.startswith('nbdkit-'):
            return None
        where = (['-b', '127.0.0.1', '-p', str(self.address)] if case.tcp
                 else ['-k', self.address])
        if case.backend == 'null':
            what = ['--image-opts', 'driver=null-co,read-zeroes=on,size=%d' % self.disks.size]
        elif case.backend in ('memory', 'delay'):
            if case.tool != 'idle':
                return None
            what = ['--image-opts', 'driver=null-co,size=%d' % self.disks.size]
        else:
            what = ['-f', 'raw', '--discard=unmap', self.disks.file(case.backend)]
        return ['-t', '-e', '2000', *where, *what]

    def _nbd_server(self, case):
        if not case.backend.startswith('file-'):
            return None
        name = self.address + '.conf'
        with open(name, 'w', encoding='utf-8') as f:
            f.write('[generic]\nunixsock = %s\n[disk]\nexportname = %s\n'
                    % (self.address, self.disks.file(case.backend)))
        return ['-C', name, '-p', self._pidfile()]

    def versions(self):
        found = {}
        for name, argument in (('nbdsrv', '--version'), ('nbdkit', '--version'),
                               ('qemu-nbd', '--version'), ('nbd-server', '-V')):
            if self.program.get(name):
                r = subprocess.run([self.program[name], argument], text=True, check=False,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                found[name] = (r.stdout.splitlines() or ['?'])[0]
        return found
