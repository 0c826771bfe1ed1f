# SPDX-License-Identifier: Apache-2.0
"""strangers.py - ten thousand of them, idle and flooding, and what an authenticated peer feels of it"""
import os
import resource
import select
import subprocess
import sys
import time

from player import HERE, LIMIT, Skipped, case
from ports import free_ports

RATE = 1000  # pings a second
FLOOR = 2.0  # ms: below that a machine with other things to do decides


CORES = sorted(os.sched_getaffinity(0))


class Helper:
    """A process of crowd.py; not on the core that the server has."""

    def __init__(self, *words):
        self.process = subprocess.Popen([sys.executable, HERE + "/crowd.py", *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.sched_setaffinity(self.process.pid, CORES[1:] or CORES)

    def line(self, limit):
        assert select.select([self.process.stdout], [], [], limit)[0], "a helper says nothing"
        said = self.process.stdout.readline().decode()
        assert said, "a helper has ended"
        return said.split()

    def ask(self, text, limit):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        return self.line(limit)

    def stop(self):
        """Ends it; what it said last."""
        self.process.stdin.close()
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        last = self.process.stdout.read().decode().strip()
        self.process.stdout.close()
        return last


class Measured:
    """The latencies of pings, P50 and P99 in milliseconds."""

    def __init__(self, pinger, seconds):
        words = pinger.ask(str(seconds), seconds + 30)
        self.half, self.most, self.worst = map(float, words[:3])
        self.count = int(words[3])

    def __str__(self):
        return "p50 %.2f, p99 %.2f, worst %.1f ms of %d" % (self.half, self.most, self.worst, self.count)


def beside(world, kind, count, seconds, look, more=None):
    """Pings without and with such a crowd beside them; `look(server, before)` while it is there."""
    needed = count + 200
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < needed:
        raise Skipped("%d descriptors are needed" % needed)
    listen = free_ports(1)[0]
    settings = {"s2s.negotiation.timeout": 600000, "xmpp.socket.backlog": 4096, "s2s.log.level": "error",
                "dnsutil.dnsOverride": "{remote.test,127.0.0.1:%d}" % listen, **(more or {})}
    with world.server(settings, prefix=("taskset", "-c", str(CORES[0]))) as server:
        pinger = Helper("ping", server.port, listen, RATE)
        try:
            without = [Measured(pinger, seconds)]
            before, began = server.settle(), time.monotonic()
            crowd = Helper(kind, server.port, count)
            try:
                there = int(crowd.line(90)[1])
                print("  %d strangers after %.1f s" % (there, time.monotonic() - began))
                with_them = sorted((Measured(pinger, seconds) for _ in range(3)), key=lambda each: each.most)
                look(server, before, there)
            finally:
                last = crowd.stop()
            print("  the crowd %s" % last)
            assert crowd.process.returncode == 0, "the crowd broke off"
            after = server.settle(before.threads, before.descriptors, 20)
            without.append(Measured(pinger, seconds))
        finally:
            pinger.stop()
        print("  without: %s\n  with them: %s" % ("; ".join(map(str, without)), "; ".join(map(str, with_them))))
        assert after.threads <= before.threads and after.descriptors <= before.descriptors, "left: %s, after %s" % (after, before)
        return max(without, key=lambda each: each.most), with_them[1]  # the one in the middle


@case(alone=True)
def ten_thousand_idle_strangers_are_not_felt(world):
    """X25. 10,000 connections that have proved nothing: a thread, a descriptor and less than 64 KiB of memory each, nothing of the processor,
    and pings of an authenticated peer take less than twice as long."""
    count = 300 if world.reduced else 10000

    def look(server, before, there):
        began = server.usage()
        time.sleep(1)
        now = server.usage()
        each = (now.resident - before.resident) / max(there, 1)
        print("  %s; %.1f KiB of memory each; %.3f s of the processor in a second" % (now, each, now.cpu - began.cpu))
        assert now.threads <= before.threads + there and now.descriptors <= before.descriptors + there, "%s, after %s" % (now, before)
        assert each < world.kib(64), "%.1f KiB each" % each
        assert now.cpu - began.cpu < 0.2 * world.time_factor, "%.2f s in a second" % (now.cpu - began.cpu)

    base, with_them = beside(world, "idle", count, 2, look)
    assert with_them.half < 2 * max(base.half, FLOOR), "p50 %.2f ms instead of %.2f" % (with_them.half, base.half)
    assert with_them.most < 2 * max(base.most, FLOOR * world.time_factor), "p99 %.2f ms instead of %.2f" % (with_them.most, base.most)


# No limit of how many they are: the crowd is as large as it wants.
NO_LIMITS = {"s2s.limit.exempt": "", "s2s.unauthenticated.max": 20000, **{"s2s.limit." + each: 0 for each in (
    "connections-per-address", "connections-per-network", "strangers-per-address", "strangers-per-network", "connections-per-second")}}


@case(reduced=False, alone=True)
def ten_thousand_flooding_strangers_do_not_drown_a_peer(world):
    """10,000 strangers send and send and come back when they are ended: p99 of 1,000 pings a second is less than 5 times what it is without."""
    base, with_them = beside(world, "flood", 10000, 3, lambda server, before, there: print("  %s" % server.usage()), NO_LIMITS)
    assert with_them.most < 5 * max(base.most, FLOOR * world.time_factor), "p99 %.2f ms instead of %.2f" % (with_them.most, base.most)
