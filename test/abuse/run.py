#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py - what peers do that mean no good, and what it costs the server: test/abuse/*.py, one function a case

Prints `ok name` with what was measured, or `FAILED name: why`, then `N passed, N failed, N skipped`. Every wait has a limit.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import player  # noqa: E402
import costs  # noqa: E402,F401
import dialling  # noqa: E402,F401
import floods  # noqa: E402,F401
import resources  # noqa: E402,F401
import slow  # noqa: E402,F401
import storms  # noqa: E402,F401
import strangers  # noqa: E402,F401


WORDS = ("passed", "failed", "skipped")
FAULTS = (AssertionError, OSError, subprocess.SubprocessError, ValueError, RuntimeError)


def play(world, function):
    """The case, in a process of its own: which of WORDS it is, as its status."""
    started = time.monotonic()
    try:
        function(world)
    except player.Skipped as why:
        print("skipped %s: %s" % (function.__name__, why))
        return 2
    except FAULTS as error:
        print("FAILED %s: %s: %s" % (function.__name__, type(error).__name__, str(error)[:1500]))
        return 1
    print("ok %s (%.1f s)" % (function.__name__, time.monotonic() - started))
    return 0


class Running:
    """A case on its way; what it prints is kept until its end."""

    def __init__(self, world, function):
        self.function, self.output = function, tempfile.TemporaryFile()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.dup2(self.output.fileno(), 1)
                status = play(world, function)
            except BaseException:
                traceback.print_exc(file=sys.stdout)
            finally:
                sys.stdout.flush()
                os._exit(status)

    def end(self, status):
        code = os.waitstatus_to_exitcode(status)
        self.output.seek(0)
        sys.stdout.write(self.output.read().decode("utf-8", "replace"))
        if code not in (0, 1, 2):
            print("FAILED %s: it ended with status %d" % (self.function.__name__, code))
        sys.stdout.flush()
        return WORDS[code if code in (0, 1, 2) else 1]


def run_all(world, functions, jobs, counts):
    """So many at a time."""
    waiting, running = list(functions), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            one = Running(world, waiting.pop(0))
            running[one.pid] = one
        pid, status = os.wait()
        if pid in running:
            counts[running.pop(pid).end(status)] += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--only", default="", help="names that this regular expression is found in")
    parser.add_argument("--without", default="", help="but not those")
    parser.add_argument("--jobs", type=int, default=4, help="cases at a time")
    parser.add_argument("--all", action="store_true", help="also those for which the server lacks something so far")
    parser.add_argument("--reduced", action="store_true", help="for a sanitizer: fewer cases, with smaller numbers")
    parser.add_argument("--list", action="store_true", help="the cases, each with what it shows")
    options = parser.parse_args()
    chosen = [each for each in player.CASES if re.search(options.only, each.__name__) and (each.reduced or not options.reduced)
              and (options.all or not each.missing) and not (options.without and re.search(options.without, each.__name__))]
    if options.list:
        for each in chosen:
            print("%s\n    %s" % (each.__name__, " ".join(each.__doc__.split())))
        return 0
    player.raise_descriptor_limit()
    world = player.World(os.path.abspath(options.binary), options.reduced)
    counts = dict.fromkeys(WORDS, 0)
    try:
        run_all(world, [each for each in chosen if not each.alone], options.jobs, counts)
        run_all(world, [each for each in chosen if each.alone], 1, counts)
    finally:
        world.clean()
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
