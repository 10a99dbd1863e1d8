# SPDX-License-Identifier: BSD-3-Clause
# The partition filter, on tables that sfdisk and sgdisk make.  Hostile tables are
# the subject of unit/partition-table.c.
import os
import struct
import subprocess

from harness import Server, TempDir, main, run

MiB = 1 << 20


def make_disk(path, script, size=64 * MiB):
    with open(path, 'wb') as f:
        f.truncate(size)
    path_of = os.environ['PATH'] + ':/usr/sbin:/sbin'
    subprocess.run(['sfdisk', '-q', path], input=script, text=True, check=True,
                   env=dict(os.environ, PATH=path_of), stdout=subprocess.DEVNULL)


def mark(path, number, offset):
    with open(path, 'r+b') as f:
        f.seek(offset)
        f.write(b'partition %d' % number)


def serves(path, number, size, *args):
    with Server('--filter=partition', 'file', path, 'partition=%d' % number, *args) as s:
        h = s.nbd()
        assert h.get_size() == size, h.get_size()
        assert h.pread(512, 0).startswith(b'partition %d' % number)
        h.pwrite(b'last', size - 4)


def refuses(path, number, why, *args):
    with Server('--filter=partition', 'file', path, 'partition=%d' % number, *args) as s:
        assert run(['nbdinfo', s.uri], check=False).returncode != 0
        assert why in s.log(), s.log()


def test_mbr_with_logical_partitions():
    with TempDir() as d:
        path = d + '/disk'
        make_disk(path, '''label: dos
            start=2048, size=4096, type=83
            start=8192, size=100000, type=5
            start=10240, size=2048, type=83
            start=20480, size=4096, type=83
            start=30720, size=8192, type=83
            ''')
        for number, start, size in (1, 2048, 4096), (5, 10240, 2048), (6, 20480, 4096), \
                (7, 30720, 8192):
            mark(path, number, start * 512)
            serves(path, number, size * 512)
            with open(path, 'rb') as f:
                f.seek((start + size) * 512 - 4)
                assert f.read(4) == b'last'
        refuses(path, 2, 'no partition 2')  # the extended one itself
        refuses(path, 3, 'no partition 3')
        refuses(path, 8, 'no partition 8')


def test_gpt():
    with TempDir() as d:
        path = d + '/disk'
        make_disk(path, '''label: gpt
            start=2048, size=4096
            start=8192, size=2048
            ''')
        for number, start, size in (1, 2048, 4096), (2, 8192, 2048):
            mark(path, number, start * 512)
            serves(path, number, size * 512)
            serves(path, number, size * 512, 'partition-sectorsize=512')
        refuses(path, 3, 'no partition 3')
        refuses(path, 129, 'no partition 129')
        refuses(path, 1, 'partition-sectorsize=4096', 'partition-sectorsize=4096')


def test_gpt_with_large_sectors():
    with TempDir() as d:
        path = d + '/disk'
        mbr = bytearray(512)
        mbr[450] = 0xee
        mbr[454:462] = struct.pack('<II', 1, 0xffffffff)
        mbr[510:] = b'\x55\xaa'
        header = struct.pack('<8sIIIIQQQQ16sQIII', b'EFI PART', 0x10000, 92, 0, 0, 1, 0, 0, 0,
                             bytes(16), 2, 128, 128, 0)
        entry = struct.pack('<16s16sQQ', b'T' * 16, b'U' * 16, 256, 511)
        with open(path, 'wb') as f:
            f.write(mbr)
            f.seek(4096)
            f.write(header)
            f.seek(2 * 4096)
            f.write(entry)
            f.truncate(16 * MiB)
        mark(path, 1, MiB)
        serves(path, 1, MiB)
        serves(path, 1, MiB, 'partition-sectorsize=4096')


def test_no_table():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.truncate(MiB)
        refuses(d + '/disk', 1, 'no partition table')
        with open(d + '/tiny', 'wb') as f:
            f.truncate(100)
        refuses(d + '/tiny', 1, 'beyond the end')


main(globals())
