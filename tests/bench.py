# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark's load generator and its reference server do what they say."""
import json
import os
import signal
import socket
import subprocess
import sys
from xml.etree import ElementTree

from harness import BUILDDIR, NBDSRV, SRCDIR, Server, TempDir, main, run, wait_for

sys.path.insert(0, os.path.join(SRCDIR, 'bench'))
from processes import family

LOAD = os.path.join(BUILDDIR, 'bench', 'load')
REFERENCE = os.path.join(BUILDDIR, 'bench', 'reference')
SIZE = 8 << 20
SMALL = ['--connections', '2', '--depth', '8', '--requests', '100']


def load(*args, **kw):
    return run([LOAD, *args], **kw)


def result(*args):
    return json.loads(load('--json', *args).stdout)


def complaint(*args):
    r = load(*args, check=False)
    assert r.returncode == 1, r
    return r.stderr


class Reference:
    def __init__(self, *args):
        self.args = [str(SIZE), *args]

    def __enter__(self):
        self.dir = TempDir()
        self.socket = os.path.join(self.dir.__enter__(), 's')
        self.process = subprocess.Popen([REFERENCE, self.socket, *self.args])
        wait_for('the reference', self._answers)
        self.uri = 'nbd+unix:///?socket=' + self.socket
        return self

    def _answers(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.socket) == 0

    def __exit__(self, *args):
        self.process.kill()
        self.process.wait()
        self.dir.__exit__()


def check_operations(uri, forms):
    for form in forms:
        for op in 'read', 'write', 'mixed', 'zero', 'trim', 'flush':
            r = result(uri, *SMALL, '--form', form, '--op', op, '--verify', '--fill')
            assert r['requests'] == 200, r
        for length in '512', '5000', '1048576':
            r = result(uri, *SMALL, '--form', form, '--op', 'mixed', '--verify', '--fill',
                       '--block', length, '--sequential', '--read-percent', '50')
            assert r['requests'] == 200, r


def test_reference_in_memory():
    with Reference() as s:
        check_operations(s.uri, ['simple', 'structured'])


def test_reference_on_a_file():
    with TempDir() as d:
        name = os.path.join(d, 'disk')
        with open(name, 'wb') as f:
            f.truncate(SIZE)
        with Reference(name) as s:
            check_operations(s.uri, ['simple', 'structured'])
            result(s.uri, *SMALL, '--op', 'write', '--verify', '--sequential')
        with open(name, 'rb') as f:
            assert f.read(4096).count(0) < 2048


def test_server_in_memory():
    with Server('memory', '8M') as s:
        check_operations(s.uri, ['simple', 'structured', 'extended'])
        for form in 'structured', 'extended':
            r = result(s.uri, *SMALL, '--form', form, '--op', 'status', '--block', '65536')
            assert r['extents'] >= 1


def test_server_on_tcp():
    with Server('memory', '8M', tcp=True) as s:
        check_operations(s.uri, ['structured'])
        result('--tcp', 'localhost:%d' % s.port, *SMALL)


def test_for_a_time():
    with Server('memory', '8M') as s:
        r = result('--unix', s.socket, '--seconds', '0.2', '--warmup', '0.05', '--verify',
                   '--fill', '--pid', str(s.pid))
        assert r['requests'] > 0
        assert r['server_cpu_us'] > 0
        assert r['client_cpu_us'] > 0
        assert 0 < r['p50_us'] <= r['p90_us'] <= r['p99_us'] <= r['p999_us']


def test_text():
    with Server('memory', '8M') as s:
        assert 'requests/s' in load(s.uri, *SMALL).stdout


def test_wrong_data_are_noticed():
    with Server('null', '8M') as s:
        result(s.uri, *SMALL)
        for form in 'simple', 'structured', 'extended':
            why = complaint(s.uri, *SMALL, '--form', form, '--fill', '--verify')
            assert 'written' in why, why


def test_errors_are_noticed():
    with Server('-r', 'memory', '8M') as s:
        for form in 'simple', 'structured', 'extended':
            why = complaint(s.uri, *SMALL, '--form', form, '--op', 'write')
            assert 'answered with an error' in why, why


def test_refusals_are_clear():
    with Reference() as s:
        assert 'extended headers' in complaint(s.uri, *SMALL, '--form', 'extended')
        assert 'has no base:allocation' in complaint(s.uri, *SMALL, '--op', 'status')
        assert 'has no TLS' in complaint(s.uri, *SMALL, '--tls')
        assert 'smaller' in complaint(s.uri, *SMALL, '--block', '16777216')
    assert 'cannot connect' in complaint('--unix', s.socket)
    for wrong in ['nbd://'], ['http://localhost'], ['--depth', '0', 'nbd://localhost'], []:
        assert 'load: ' in complaint(*wrong)


def compare(directory, *args):
    """The comparison as ./dev bench runs it, as short as can be."""
    out = os.path.join(directory, 'json')
    picture = os.path.join(directory, 'svg')
    r = run([sys.executable, '-B', os.path.join(SRCDIR, 'bench', 'run.py'), '--builddir',
             BUILDDIR, '--nbdsrv', NBDSRV, '--dir', directory, '--rounds', '2', '--seconds',
             '0.05', '--size', '8', '--server', 'nbdsrv', '--server', 'reference',
             '--json', out, '--svg', picture, *args])
    with open(out, encoding='utf-8') as f:
        return r.stdout, json.load(f), ElementTree.parse(picture).getroot()


def test_comparison():
    with TempDir() as d:
        text, figures, picture = compare(d, '--case', 'memory-read-4k', '--case', 'file-disk')
        assert os.listdir(d) in (['json', 'svg'], ['svg', 'json']), os.listdir(d)
    names = [c['name'] for c in figures['cases']]
    assert names == ['memory-read-4k', 'file-disk-read-4k', 'file-disk-write-4k',
                     'file-disk-read-1m', 'file-disk-write-1m'], names
    for case in figures['cases']:
        assert not case['failures'], case['failures']
        for server in 'nbdsrv', 'reference':
            assert len(case['servers'][server]['requests_per_s']['rounds']) == 2, case
        assert case['name'] in text
    assert picture.tag.endswith('svg')
    assert len([e for e in picture.iter() if e.tag.endswith('rect')]) == 3


def test_comparison_leaves_nothing_when_interrupted():
    with TempDir() as d:
        p = subprocess.Popen(
            [sys.executable, '-B', os.path.join(SRCDIR, 'bench', 'run.py'), '--builddir',
             BUILDDIR, '--nbdsrv', NBDSRV, '--dir', d, '--seconds', '60', '--size', '8',
             '--server', 'nbdsrv', '--case', 'file-disk-read-4k'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            wait_for('the load', lambda: 'load' in family_names(p.pid))
            members = list(family(p.pid))
            os.killpg(p.pid, signal.SIGINT)
            p.wait(timeout=20)
        finally:
            p.kill()
            p.wait()
        assert p.returncode == 130, p.returncode
        assert not os.listdir(d), os.listdir(d)
        for member in members:
            assert not os.path.exists('/proc/%d' % member), member


def family_names(pid):
    names = []
    for member in family(pid):
        with open('/proc/%d/comm' % member, encoding='ascii') as f:
            names.append(f.read().strip())
    return names


def test_idle_connections():
    with Server('memory', '8M') as s:
        r = result(s.uri, '--idle', '20', '--pid', str(s.pid))
        assert 0.5 <= r['threads'] <= 2, r


main(globals())
