# SPDX-License-Identifier: BSD-3-Clause
# Real images both ways, compared byte for byte, sparse in and sparse out.
# NBDSRV_TEST_BIG=1 makes them 1 GiB.
import os
import random

from harness import Server, TempDir, main, run, sanitized

SIZE = (1 << 30) if os.environ.get('NBDSRV_TEST_BIG') else (96 << 20)


def make_images(d):
    run(['truncate', '-s', str(SIZE), d + '/ext4'])
    run(['mke2fs', '-q', '-t', 'ext4', '-F', '-d', '/usr/include/linux', d + '/ext4'])
    rng = random.Random(5)
    with open(d + '/random', 'wb') as f:
        f.truncate(SIZE)
        for _ in range(60):
            f.seek(rng.randrange(SIZE // 4096 - 300) * 4096)
            f.write(rng.randbytes(rng.randrange(1, 300) * 4096))
    return d + '/ext4', d + '/random'


def blocks(path):
    return os.stat(path).st_blocks * 512


def check(image, out):
    run(['cmp', image, out])
    assert blocks(out) <= blocks(image) * 1.1 + (1 << 20), 'holes were filled'
    os.unlink(out)


def test_file_out_with_1_4_and_16_connections():
    with TempDir() as d:
        for image in make_images(d):
            with Server('file', image) as s:
                for n in 1, 4, 16:
                    run(['nbdcopy', '--connections=%d' % n, s.uri, d + '/out'])
                    check(image, d + '/out')
                    run(['qemu-img', 'convert', '-m', str(n), '-W', '-f', 'raw', '-O', 'raw', s.uri,
                         d + '/out'])
                    check(image, d + '/out')


def test_memory_in_and_out():
    with TempDir() as d:
        for image in make_images(d):
            for n in 1, 4, 16:
                with Server('memory', str(SIZE)) as s:
                    run(['nbdcopy', '--connections=%d' % n, image, s.uri])
                    run(['nbdcopy', '--connections=%d' % n, s.uri, d + '/out'])
                    check(image, d + '/out')
                    assert sanitized() or s.rss() < blocks(image) * 1.1 + (64 << 20), 'memory is not sparse'


def test_over_tcp():
    with TempDir() as d:
        for image in make_images(d):
            with Server('memory', str(SIZE), tcp=True) as s:
                run(['nbdcopy', '--connections=4', image, s.uri])
                run(['nbdcopy', '--connections=4', s.uri, d + '/out'])
                check(image, d + '/out')


def test_file_in():
    with TempDir() as d:
        for image in make_images(d):
            run(['truncate', '-s', str(SIZE), d + '/copy'])
            with Server('file', d + '/copy') as s:
                run(['nbdcopy', '--connections=4', '--flush', image, s.uri])
            check(image, d + '/copy')
            run(['truncate', '-s', str(SIZE), d + '/copy'])
            with Server('file', d + '/copy') as s:
                run(['qemu-img', 'convert', '-n', '-W', '-m', '4', '-f', 'raw', '-O', 'raw', image, s.uri])
            check(image, d + '/copy')


main(globals())
