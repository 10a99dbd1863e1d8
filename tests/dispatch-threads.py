# SPDX-License-Identifier: BSD-3-Clause
# -t: how many requests of a client run at the same time.
import struct

from compile import build
from harness import Server, TempDir, main, wait_for
from rawnbd import *

# Reads wait inside until one of byte 512 lets them go; one of byte 0 tells how many
# there ever were at once.
MEETING = r"""
#include <pthread.h>
#include <string.h>
#include <nbdsrv-plugin.h>
struct meeting { uint32_t inside, most, open; };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static int describe(void *h, struct nbdsrv_info *info)
{ (void)h; info->export_size = 1 << 20; info->can |= NBDSRV_CAN_MULTI_CONN; return 0; }
static int read_data(void *h, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct meeting *m = h;
  (void)flags;
  memset(buf, 0, len);
  pthread_mutex_lock(&lock);
  if (off == 0)
    memcpy(buf, &m->most, sizeof m->most);
  else if (off == 512) {
    m->open = 1;
    pthread_cond_broadcast(&opened);
  } else {
    if (++m->inside > m->most) m->most = m->inside;
    while (!m->open) pthread_cond_wait(&opened, &lock);
    m->inside--;
  }
  pthread_mutex_unlock(&lock);
  return 0;
}
static struct nbdsrv_plugin plugin = {.name = "meeting",
    .instance_size = sizeof(struct meeting), .thread_model = NBDSRV_THREADS_PARALLEL,
    .describe = describe, .read = read_data};
NBDSRV_PLUGIN(plugin)
"""


def meet(d, threads, wanted, clients):
    """Waits until so many reads are under way at once; how many there were in the end."""
    with Server('-t', str(threads), d + '/meeting.so') as s, Raw(s) as other:
        other.go()
        raws = [Raw(s).go() for _ in range(clients)]
        for raw in raws:
            raw.sock.sendall(b''.join(raw.request(READ, 4096 * i, 512) for i in range(1, 40)))

        def most():
            return struct.unpack('=I', other.read(0, 4))[0]
        wait_for('%d reads at once' % wanted, lambda: most() >= wanted)
        for _ in range(50):
            most()
        other.read(512, 1)
        for raw in raws:
            for _ in range(1, 40):
                assert raw.reply().error == 0
            raw.sock.close()
        return most()


def test_as_many_as_the_option_says():
    with TempDir() as d:
        build(MEETING, 'meeting.so', d)
        for threads in 1, 2, 5, 16:
            assert meet(d, threads, threads, 1) == threads, threads


def test_each_client_has_its_own():
    with TempDir() as d:
        build(MEETING, 'meeting.so', d)
        assert meet(d, 3, 6, 2) == 6


main(globals())
