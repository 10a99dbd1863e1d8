# SPDX-License-Identifier: BSD-3-Clause
# The partitioning plugin: tables that other programs understand, partitions that are the
# files, and nothing else that can be changed.
import errno
import json
import os

import nbd

from blockmodel import operate
from harness import *
from nbdkitlib import extents

KIB, MIB = 1 << 10, 1 << 20
SIZES = [100 * KIB, 3 * MIB, 5000, 512, 513, 1 * MIB + 1, 2000]
LINUX = '0FC63DAF-8483-4772-8E79-3D69D8477DE4'
SWAP = '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F'
SBIN = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')


def make_files(d, sizes):
    paths = []
    for i, size in enumerate(sizes):
        paths.append(os.path.join(d, 'part%d.img' % i))
        with open(paths[-1], 'wb') as f:
            f.write(pattern(size, i))
    return paths


def copy(s, d):
    """The disk as a file."""
    path = d + '/copy'
    h = s.nbd()
    with open(path, 'wb') as f:
        for off in range(0, h.get_size(), MIB):
            f.write(h.pread(min(MIB, h.get_size() - off), off))
    return path


def table(path):
    return json.loads(run(['sfdisk', '-J', path], env=SBIN).stdout)['partitiontable']


def check(s, d, paths, kind, starts=None):
    """That sfdisk finds the files as partitions, and the partition filter their content."""
    found = table(copy(s, d))
    assert found['label'] == kind, found
    parts = [p for p in found['partitions'] if p['type'] != 'f']
    assert [p['size'] for p in parts] == [(os.path.getsize(p) + 511) // 512 for p in paths], parts
    if starts:
        assert [p['start'] for p in parts] == starts, parts
    h = s.nbd()
    for part, path in zip(parts, paths):
        data = open(path, 'rb').read()
        assert h.pread(part['size'] * 512, part['start'] * 512) == data + bytes(-len(data) % 512)
    return found


def through_filter(paths, *args):
    for i, path in enumerate(paths):
        number = i + 1 if i < 3 or len(paths) <= 4 or 'partition-type=mbr' not in args else i + 2
        with Server('--filter=partition', 'partitioning', *paths, *args, 'partition=%d' % number) as s:
            data = open(path, 'rb').read()
            h = s.nbd()
            assert h.pread(h.get_size(), 0) == data + bytes(-len(data) % 512)


def test_mbr():
    with TempDir() as d:
        paths = make_files(d, SIZES[:4])
        with Server('partitioning', *paths) as s:
            found = check(s, d, paths, 'dos', [2048, 4096, 10240, 12288])
            assert [p['type'] for p in found['partitions']] == ['83'] * 4
            assert s.nbd().get_size() == 12289 * 512
        through_filter(paths)


def test_mbr_with_logical_partitions():
    with TempDir() as d:
        paths = make_files(d, SIZES)
        with Server('partitioning', *paths, 'partition-type=mbr') as s:
            found = check(s, d, paths, 'dos')
            assert len(found['partitions']) == 8 and found['partitions'][3]['type'] == 'f', found
            assert all(p['start'] % 2048 == 0 for p in found['partitions'] if p['type'] == '83')
        with Server('partitioning', 'alignment=512', *paths, 'partition-type=mbr') as s:
            check(s, d, paths, 'dos', [1, 201, 6345, 6356, 6358, 6361, 8411])
        through_filter(paths, 'partition-type=mbr')


def verified(path):
    out = run(['sgdisk', '-v', path], env=SBIN).stdout
    assert 'No problems found' in out, out


def test_gpt():
    with TempDir() as d:
        paths = make_files(d, SIZES)
        with Server('partitioning', *paths) as s:
            found = check(s, d, paths, 'gpt')
            verified(d + '/copy')
            assert [p['name'] for p in found['partitions']] == [os.path.basename(p) for p in paths]
            assert all(p['type'] == LINUX for p in found['partitions'])
            ids = [p['uuid'] for p in found['partitions']] + [found['id']]
            assert len(set(ids)) == len(paths) + 1 and '0' * 8 not in ids[-1], ids
            # The copy of the table at the end.
            run(['dd', 'if=/dev/zero', 'of=' + d + '/copy', 'bs=512', 'seek=1', 'count=1', 'conv=notrunc'])
            assert table(d + '/copy')['partitions'] == found['partitions']
        # The same files have the same identifiers.
        with Server('partitioning', *paths) as s:
            again = table(copy(s, d))
            assert [p['uuid'] for p in again['partitions']] + [again['id']] == ids
        through_filter(paths)


def test_many_partitions():
    with TempDir() as d:
        paths = make_files(d, [512] * 140)
        with Server('partitioning', 'alignment=512', *paths) as s:
            check(s, d, paths, 'gpt', list(range(66, 206)))
            verified(d + '/copy')
        paths = paths[:20]
        with Server('partitioning', 'alignment=1024', *paths, 'partition-type=mbr') as s:
            check(s, d, paths, 'dos')


def test_types_and_alignments_hold_for_what_follows():
    with TempDir() as d:
        paths = make_files(d, [512] * 4)
        args = [paths[0], 'mbr-id=0x82', 'type-guid=' + SWAP.lower(), 'alignment=4096', paths[1], paths[2],
                'mbr-id=default', 'type-guid=default', 'alignment=512', paths[3]]
        with Server('partitioning', *args) as s:
            found = check(s, d, paths, 'dos', [2048, 2056, 2064, 2065])
            assert [p['type'] for p in found['partitions']] == ['83', '82', '82', '83']
        with Server('partitioning', 'partition-type=gpt', *args) as s:
            found = check(s, d, paths, 'gpt', [2048, 2056, 2064, 2065])
            assert [p['type'] for p in found['partitions']] == [LINUX, SWAP, SWAP, LINUX]
        with Server('partitioning', 'type-guid={%s}' % SWAP, 'partition-type=gpt', paths[0]) as s:
            assert table(copy(s, d))['partitions'][0]['type'] == SWAP


def test_large_files_have_a_gpt():
    with TempDir() as d:
        path = d + '/large'
        for size, kind in (((2 << 40) - 6 * MIB, 'dos'), ((2 << 40) - 4 * MIB, 'gpt'), (3 << 40, 'gpt')):
            with open(path, 'wb') as f:
                f.truncate(size)
            with Server('partitioning', path) as s:
                h = s.nbd()
                assert (h.pread(8, 512) == b'EFI PART') == (kind == 'gpt'), size
                sectors = int.from_bytes(h.pread(4, 446 + 12), 'little')
                assert sectors == (size // 512 if kind == 'dos' else min(h.get_size() // 512 - 1, 0xffffffff))
        assert 'use partition-type=gpt' in refused('-U', d + '/s', 'partitioning', path, 'partition-type=mbr')


def test_only_partitions_can_be_changed():
    with TempDir() as d:
        paths = make_files(d, [5000, 1000])
        for kind in 'mbr', 'gpt':
            with Server('partitioning', *paths, 'partition-type=' + kind) as s:
                h = s.nbd()
                size = h.get_size()
                before = h.pread(size, 0)
                # What is there already may be written.
                h.pwrite(before, 0)
                h.zero(MIB // 2, MIB // 2 - 512)
                for off, n in (0, 512), (510, 1), (MIB - 512, 512), (MIB - 1, 2), (MIB + 5000, 1), (2 * MIB - 1, 1):
                    expect_error(errno.EIO, h.pwrite, b'\x77' * n, off)
                expect_error(errno.EIO, h.zero, 512, 0)
                h.trim(MIB, 0)
                h.pwrite(b'new', MIB + 4997)
                h.pwrite(b'new', 2 * MIB)
                h.flush()
                expected = bytearray(before)
                expected[MIB + 4997:MIB + 5000] = expected[2 * MIB:2 * MIB + 3] = b'new'
                assert h.pread(size, 0) == expected
                if kind == 'gpt':
                    expect_error(errno.EIO, h.pwrite, bytes(512), size - 512)
            assert open(paths[0], 'rb').read()[-3:] == b'new' and open(paths[1], 'rb').read(3) == b'new'
            assert [os.path.getsize(p) for p in paths] == [5000, 1000]


def test_random_operations():
    with TempDir() as d:
        paths = make_files(d, [300000])
        with Server('partitioning', paths[0]) as s:
            h = s.nbd()
            model = bytearray(h.pread(h.get_size(), 0))
            operate(h, model, 1, 200, first=MIB, last=MIB + 300000, fua=nbd.CMD_FLAG_FUA)
            assert h.pread(len(model), 0) == model
        assert open(paths[0], 'rb').read() == model[MIB:MIB + 300000]


def test_extents():
    with TempDir() as d:
        paths = make_files(d, [256 * KIB, 256 * KIB])
        with open(paths[1], 'wb') as f:
            f.truncate(256 * KIB)
        with Server('partitioning', *paths) as s:
            found = extents(s.nbd())
            expected = [[512, 0], [MIB - 512, 3], [256 * KIB, 0], [768 * KIB + 256 * KIB, 3]]
            if found == expected[:3] + [[768 * KIB, 3], [256 * KIB, 0]]:
                raise Skip('the file system does not tell its holes')
            assert found == expected, found


def test_a_file_system():
    with TempDir() as d:
        path = d + '/fs'
        with open(path, 'wb') as f:
            f.truncate(8 * MIB)
        run(['mkfs.ext4', '-q', path], env=SBIN)
        with Server('partitioning', path) as s:
            whole = copy(s, d)
        run(['dd', 'if=' + whole, 'of=' + d + '/out', 'bs=1M', 'skip=1', 'status=none'])
        run(['e2fsck', '-fn', d + '/out'], env=SBIN)
        assert open(d + '/out', 'rb').read() == open(path, 'rb').read()


def test_refused():
    with TempDir() as d:
        path = make_files(d, [512])[0]
        open(d + '/empty', 'w').close()
        for args, text in (
                ([], 'file'), ([d + '/empty'], 'is empty'), ([d], 'neither a file'), ([d + '/none'], 'No such file'),
                (['alignment=511', path], 'alignment'), (['alignment=1000', path], 'alignment'),
                (['alignment=2M', path], 'alignment'), (['alignment=0', path], 'alignment'),
                (['mbr-id=0x100', path], 'mbr-id'), (['mbr-id=x', path], 'mbr-id'),
                (['type-guid=x', path], 'type-guid'), (['type-guid=' + SWAP + '0', path], 'type-guid'),
                (['type-guid={' + SWAP, path], 'type-guid'), (['partition-type=bsd', path], 'partition-type')):
            line = refused('-U', d + '/s', 'partitioning', *args)
            assert text in line, line


main(globals())
