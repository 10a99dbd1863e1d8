# SPDX-License-Identifier: BSD-3-Clause
"""Scripts for the plugins sh and eval."""
import os
import stat
import tempfile

# A disk in $tmpdir/disk that knows all methods.  Each call is a line in $LOG.
DISK = r'''#!/bin/bash
m=$1 f=$tmpdir/disk
[ -z "$LOG" ] || echo "$@" >>"$LOG"
case $m in
  load) truncate -s 1M "$f" ;;
  config) [ "$2" = file ] || [ "$2" = size ] || exit 2; echo "$3" >"$tmpdir/$2" ;;
  magic_config_key) echo file ;;
  thread_model) echo parallel ;;
  preconnect | config_complete | get_ready | after_fork | unload | cleanup) ;;
  list_exports) printf 'INTERLEAVED\none\nthe first\ntwo\n' ;;
  default_export) echo one ;;
  open) echo "handle-of-$3" ;;
  close) ;;
  export_description) echo "about ${2#handle-of-}" ;;
  get_size) stat -c %s "$f" ;;
  block_size) echo 1 4k 1M ;;
  is_rotational | can_write | can_flush | can_trim | can_zero | can_extents | can_multi_conn) ;;
  can_fast_zero) exit 3 ;;
  can_fua | can_cache) echo native ;;
  pread) dd if="$f" skip="$4" count="$3" iflag=count_bytes,skip_bytes status=none ;;
  pwrite) dd of="$f" seek="$4" conv=notrunc oflag=seek_bytes status=none ;;
  flush) sync "$f" ;;
  trim | zero) fallocate -p -o "$4" -l "$3" -n "$f" ;;
  cache) ;;
  extents) printf '0 4k\n4k 60K hole,zero\n64k 1M 0\n' ;;
  *) exit 2 ;;
esac
'''


def executable(d, text):
    fd, path = tempfile.mkstemp(prefix='script-', dir=d)
    with open(fd, 'w') as f:
        f.write(text)
    os.chmod(path, stat.S_IRWXU)
    return path
