# SPDX-License-Identifier: BSD-3-Clause
# The nozero filter.
import errno

from harness import Server, TempDir, expect_error, main, run


def server(d, *args):
    return Server('--filter=nozero', '--filter=log', 'memory', '1M', 'logfile=' + d + '/log', *args)


def log(d):
    return open(d + '/log').read()


def test_none():
    with TempDir() as d, server(d) as s:
        h = s.nbd()
        assert not h.can_zero() and not h.can_fast_zero()
        h.set_strict_mode(0)
        expect_error(errno.EINVAL, h.zero, 512, 0)
        run(['qemu-io', '-f', 'raw', s.uri, '-c', 'write -P 1 0 64k', '-c', 'write -z 0 64k'])
        assert h.pread(65536, 0) == bytes(65536)
        assert 'Zero' not in log(d)


def test_none_hides_from_filters_above_but_not_from_cow():
    with Server('--filter=offset', '--filter=nozero', 'memory', '1M') as s:
        assert not s.nbd().can_zero()
    with Server('--filter=cow', '--filter=nozero', 'memory', '1M') as s:
        assert s.nbd().can_zero()


def test_emulate():
    import nbd
    with TempDir() as d, server(d, 'zeromode=emulate') as s:
        h = s.nbd()
        h.pwrite(b'x' * 1000000, 0)
        h.zero(900000, 100, nbd.CMD_FLAG_FUA)
        assert h.pread(900002, 99) == b'x' + bytes(900000) + b'x'
        assert h.can_fast_zero()
        expect_error(errno.ENOTSUP, h.zero, 512, 0, nbd.CMD_FLAG_FAST_ZERO)
        assert 'Zero' not in log(d)
        assert 'Write id=2 offset=0x64 count=0x40000 fua=1' in log(d)


def test_notrim_and_plugin():
    with TempDir() as d:
        for mode, trim in ('notrim', 0), ('plugin', 1):
            with server(d, 'zeromode=' + mode) as s:
                s.nbd().zero(512, 0)
            assert 'Zero id=1 offset=0x0 count=0x200 trim=%d' % trim in log(d)


def test_fast_zero_modes():
    import nbd
    with TempDir() as d:
        for mode in 'plugin', 'emulate':
            with server(d, 'zeromode=' + mode, 'fastzeromode=none') as s:
                assert s.nbd().can_zero() and not s.nbd().can_fast_zero()
            with server(d, 'zeromode=' + mode, 'fastzeromode=slow') as s:
                h = s.nbd()
                expect_error(errno.ENOTSUP, h.zero, 512, 0, nbd.CMD_FLAG_FAST_ZERO)
                h.zero(512, 0)
            with server(d, 'zeromode=' + mode, 'fastzeromode=ignore') as s:
                s.nbd().zero(512, 0, nbd.CMD_FLAG_FAST_ZERO)
                assert 'fast=1' not in log(d)
        with server(d, 'zeromode=plugin') as s:
            s.nbd().zero(512, 0, nbd.CMD_FLAG_FAST_ZERO)
            assert 'fast=1' in log(d)


def test_nothing_to_pass_on_to():
    with Server('--filter=nozero', '--filter=nozero', 'memory', '1M', 'zeromode=none') as s:
        assert not s.nbd().can_zero()
    with TempDir() as d:
        from compile import build, example
        plugin = build(example('man/nbdsrv-plugin.pod'), 'fill.so', d)
        with Server('--filter=nozero', plugin, '1M', 'zeromode=plugin') as s:
            assert run(['nbdinfo', s.uri], check=False).returncode != 0
            assert 'zeromode=plugin' in s.log()


main(globals())
