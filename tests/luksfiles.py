# SPDX-License-Identifier: BSD-3-Clause
"""LUKS disks, made by qemu-img: make (path, content, ...), with the passphrase 'secret'."""
import os
import subprocess


def make(path, content, **options):
    # qemu-img measures how fast the machine is, and gives up when it is too busy for that.
    options = ',key-secret=s,iter-time=10' + ''.join(',%s=%s' % (k.replace('_', '-'), v) for k, v in options.items())
    with open(path + '.raw', 'wb') as f:
        f.write(content)
    for _ in range(20):
        r = subprocess.run(['qemu-img', 'convert', '-f', 'raw', '-O', 'luks', '--object', 'secret,id=s,data=secret',
                            '-o', options[1:], path + '.raw', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if r.returncode == 0 or b'CPU usage' not in r.stdout:
            break
    assert r.returncode == 0, r.stdout
    os.unlink(path + '.raw')


def read(path):
    """What qemu-img finds in it."""
    subprocess.run(['qemu-img', 'convert', '-O', 'raw', '--object', 'secret,id=s,data=secret', '--image-opts',
                    'driver=luks,key-secret=s,file.filename=' + path, path + '.raw'], check=True)
    with open(path + '.raw', 'rb') as f:
        return f.read()
