# SPDX-License-Identifier: BSD-3-Clause
# The fua filter.
from harness import Server, TempDir, main, run


def server(d, mode, *filters):
    args = ['fuamode=' + mode] if mode else []
    return Server('--filter=fua', '--filter=log', *filters, 'file', d + '/disk',
                  'logfile=' + d + '/log', *args)


class Disk(TempDir):
    def __enter__(self):
        path = super().__enter__()
        with open(path + '/disk', 'wb') as f:
            f.truncate(1 << 20)
        return path


def operations(d):
    """What arrives below, as (action, fua)."""
    result = []
    for line in open(d + '/log'):
        words = line.split()
        if words[-1] == '...' and words[2].startswith('connection='):
            fua = [w for w in words if w.startswith('fua=')]
            result.append((words[3], int(fua[0][4:]) if fua else None))
    return result


def work(s):
    import nbd
    h = s.nbd()
    h.pwrite(b'x', 0)
    if h.can_fua():
        h.pwrite(b'x', 0, nbd.CMD_FLAG_FUA)
    if h.can_flush():
        h.flush()


def test_modes():
    plain, fua, flush = ('Write', 0), ('Write', 1), ('Flush', None)
    for mode, expected in ((None, [plain, flush]), ('none', [plain, flush]),
                           ('emulate', [plain, plain, flush, flush]),
                           ('native', [plain, fua, flush]), ('pass', [plain, fua, flush]),
                           ('force', [fua, fua]), ('discard', [plain, plain])):
        with Disk() as d:
            with server(d, mode) as s:
                work(s)
                assert s.nbd().can_fua() == (mode not in (None, 'none'))
                assert s.nbd().can_flush()
            assert operations(d) == expected, (mode, operations(d))


def test_native_over_emulated():
    """The layers below do it their way."""
    with Disk() as d:
        with Server('--filter=fua', '--filter=fua', '--filter=log', 'file', d + '/disk',
                    'logfile=' + d + '/log', 'fuamode=native') as s:
            work(s)
            assert s.nbd().can_fua()


def test_nothing_to_rely_on():
    from compile import build, example
    with TempDir() as d:
        plugin = build(example('man/nbdsrv-plugin.pod'), 'fill.so', d)
        for mode in 'emulate', 'native', 'force':
            with Server('--filter=fua', plugin, '1M', 'fuamode=' + mode) as s:
                assert run(['nbdinfo', s.uri], check=False).returncode != 0
                assert 'fuamode=' + mode in s.log()


main(globals())
