# SPDX-License-Identifier: BSD-3-Clause
"""LUKS disks, made by qemu-img: make (path, content, ...), with the passphrase 'secret'."""
import os
import struct
import subprocess

SECRET = ['--object', 'secret,id=s,data=secret']
# qemu-img takes seconds to find out how fast the machine is: one header for all disks.
_headers = {}


def opened(path):
    return 'driver=luks,key-secret=s,file.filename=' + path


def header(path, options):
    words = ['key-secret=s', 'iter-time=10'] + ['%s=%s' % (k.replace('_', '-'), v) for k, v in options.items()]
    for _ in range(20):
        r = subprocess.run(['qemu-img', 'create', '-f', 'luks', *SECRET, '-o', ','.join(words), path, '1M'],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if r.returncode == 0 or b'CPU usage' not in r.stdout:  # it gives up on a busy machine
            break
    assert r.returncode == 0, r.stdout
    with open(path, 'rb') as f:
        made = f.read()
    return made[:struct.unpack('>I', made[104:108])[0] * 512]


def make(path, content, **options):
    key = tuple(sorted(options.items()))
    if key not in _headers:
        _headers[key] = header(path, options)
    with open(path, 'wb') as f:
        f.write(_headers[key] + bytes(len(content)))
    with open(path + '.raw', 'wb') as f:
        f.write(content)
    subprocess.run(['qemu-img', 'convert', '-n', '-f', 'raw', *SECRET, path + '.raw', '--target-image-opts',
                    opened(path)], check=True)
    os.unlink(path + '.raw')


def read(path):
    """What qemu-img finds in it."""
    subprocess.run(['qemu-img', 'convert', '-O', 'raw', *SECRET, '--image-opts', opened(path), path + '.raw'],
                   check=True)
    with open(path + '.raw', 'rb') as f:
        return f.read()
