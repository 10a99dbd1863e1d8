# SPDX-License-Identifier: BSD-3-Clause
# The limit filter.
from harness import Server, TempDir, main, wait_for


def refused(s):
    import nbd
    try:
        s.nbd()
    except nbd.Error:
        return True
    return False


def test_limits():
    for args, most in ([], 1), (['limit=3'], 3):
        with Server('--filter=limit', 'memory', '1M', *args) as s:
            handles = [s.nbd() for _ in range(most)]
            assert refused(s)
            assert refused(s)
            handles.pop().shutdown()
            wait_for('room', lambda: not refused(s))


def test_unlimited():
    with Server('--filter=limit', 'memory', '1M', 'limit=0') as s:
        handles = [s.nbd() for _ in range(10)]
        assert all(h.pread(1, 0) == b'\0' for h in handles)


def test_clients_that_only_connect_count():
    with Server('--filter=limit', 'memory', '1M') as s:
        idle = s.connect()
        assert idle.recv(8) == b'NBDMAGIC'
        assert refused(s)
        idle.close()
        wait_for('room', lambda: not refused(s))


def test_clients_that_a_layer_below_turns_away_do_not_count():
    from compile import build
    source = """
        #include <errno.h>
        #include <unistd.h>
        #include <nbdsrv-plugin.h>
        struct shut { const char *file; };
        static const struct nbdsrv_param params[] = {
            {"door", NBDSRV_PATH, 0, offsetof(struct shut, file), NULL, "x", NULL, NULL},
            {NULL, 0, 0, 0, NULL, NULL, NULL, NULL}};
        static int admit(void *inst, const struct nbdsrv_client *client)
        { (void)client; return access(((struct shut *)inst)->file, F_OK) ? EPERM : 0; }
        static int describe(void *handle, struct nbdsrv_info *info)
        { (void)handle; info->export_size = 512; return 0; }
        static struct nbdsrv_plugin plugin = {.name = "shut", .params = params,
            .instance_size = sizeof(struct shut), .describe = describe, .admit = admit};
        NBDSRV_PLUGIN(plugin)
        """
    with TempDir() as d:
        plugin = build(source, 'shut.so', d)
        with Server('--filter=limit', plugin, 'door=' + d + '/open') as s:
            for _ in range(3):
                assert refused(s)
            assert 'already' not in s.log()
            open(d + '/open', 'w').close()
            assert not refused(s)


main(globals())
