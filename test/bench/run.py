#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py - `make bench`: this server, others, and bare limits, measured in turn; one table, and the same as JSON

Each run starts its target anew on one core, plays the rest of the world on another (load.c), and counts between a warm-up and
the end. A round has every workload with every target; the table shows the medians of the rounds, [least-most]. What the figures
have to be is in goals.py, with whether they are.
"""
import argparse
import datetime
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))
import hosts  # noqa: E402
import report  # noqa: E402
from place import SERVERS, Lines, Place, memory_of, raise_limits  # noqa: E402
from targets import COMPONENT, DOMAIN, SECRET, TARGETS, make_certificate  # noqa: E402

SIZE = 225  # bytes of a message


class Workload:
    """`title` says what is done, `unit` what is counted; `words` are for load.c. `idle`: the streams held."""

    def __init__(self, name, title, unit, *words, tls=False, idle=0):
        self.name, self.title, self.unit, self.words, self.tls, self.idle = name, title, unit, words, tls, idle


class Limit:
    """A bare limit: a mode of limits.c."""

    def __init__(self, name, title, unit="stanzas"):
        self.name, self.title, self.unit = name, title, unit


LIMITS = (
    Limit("parse", "libxml2 parses the same bytes, handlers only count"),
    Limit("relay", "a process copies the bytes from one socket to another"),
    Limit("decrypt", "TLS 1.3 records with these bytes are read"),
    Limit("encrypt", "TLS 1.3 records with these bytes are written"),
    Limit("handshake-limit", "OpenSSL shakes hands, one as server and one as client each (TLS 1.3, ECDSA P-256)", "handshakes"),
    Limit("sockets-limit", "the kernel alone: two connections and what passes on them, as for a new stream with dialback", "streams"),
)


def workloads(smoke, quick):
    thousand, many = (40, 120) if smoke else (1000, 2000 if quick else 10000)
    found = []
    for tls in (False, True):
        end, kind = ("-tls", ", TLS 1.3") if tls else ("", ", plain")

        def add(name, title, unit, *words, idle=0):
            found.append(Workload(name + end, title + kind, unit, *words, tls=tls, idle=idle))
        for streams in (1, 100):
            word = "1 stream" if streams == 1 else "100 domains, 100 streams"
            number = "" if streams == 1 else str(streams)
            add("in" + number, "S2S -> component, " + word, "stanzas", "in", "--to", COMPONENT, "--streams", str(streams))
            add("out" + number, "component -> S2S, " + word, "stanzas", "out", "--streams", str(streams))
        add("ping", "pings, 1000 a second over 100 streams", "pings", "ping", "--streams", "100", "--rate", "1000")
        add("handshake", "new stream + dialback, 32 at once", "streams", "handshake")
        add("idle1k", "%d idle authenticated streams" % thousand, "streams", "idle", "--streams", str(thousand), idle=thousand)
        add("idle10k", "S2S -> component, 1 stream, beside %d idle ones" % many, "stanzas", "in", "--to", COMPONENT,
            "--idle", str(many), idle=many)
    return found


class Bench:
    def __init__(self, options, place):
        self.options, self.place = options, place
        self.log = os.path.join(place.directory, "load.log")
        self.results = {}  # (name of workload or limit, name of target) -> results of its rounds

    def keep(self, name, target, result):
        self.results.setdefault((name, target), []).append(result)

    def said(self):
        with open(self.log, errors="replace") as file:
            return file.read()[-600:]

    def run_limit(self, limit):
        place = self.place
        words = [os.path.join(self.options.programs, "limits"), limit.name.replace("-limit", ""), str(self.options.seconds),
                 str(place.target_core), str(place.load_core), str(SIZE), os.path.join(place.directory, "target.pem")]
        done = subprocess.run(words, stdout=subprocess.PIPE, timeout=self.options.seconds + 60)
        if done.returncode != 0:
            raise RuntimeError("limits %s failed" % limit.name)
        return json.loads(done.stdout)

    def run_load(self, workload, target):
        """One run; the result of load.c with what was seen of the target's memory."""
        place, options = self.place, self.options
        limit = options.warmup + options.seconds + (420 if workload.idle > 5000 else 90)
        words = [os.path.join(options.programs, "load"), workload.words[0], "--port", str(place.s2s_port),
                 "--component-port", str(place.component_port), "--listen-port", str(place.load_port), "--to", DOMAIN,
                 "--component", COMPONENT, "--secret", SECRET, "--size", str(SIZE), "--window", str(options.window),
                 "--warmup", str(options.warmup), "--seconds", str(options.seconds), "--limit", str(limit),
                 "--certificate", os.path.join(place.directory, "load.pem"), "--pauses",
                 *workload.words[1:]]
        pids = target.pids()
        for pid in pids:
            words += ["--pid", str(pid)]
        if workload.tls:
            words.append("--tls")
        if place.isolated:
            words += ["--dns", SERVERS]
        with open(self.log, "w"):
            pass  # what it says is of this run alone
        load = place.start(place.load_core, self.log, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            lines, deadline, memory = Lines(load), time.monotonic() + limit + 30, {}
            while True:
                line = lines.next(deadline)
                if line is None:
                    raise RuntimeError("the load ended without a result: " + self.said())
                if line["event"] == "result":
                    break
                if line["event"] == "idle":
                    time.sleep(1)  # for what the target still clears away
                memory[line["event"]] = memory_of(pids)
                load.stdin.write(b"\n")
                load.stdin.flush()
            if "idle" in memory:
                line["memory"] = memory
                line["bytes_per_stream"] = (memory["idle"]["rss"] - memory["warm"]["rss"]) / workload.idle
            if line["failed"] and workload.words[0] in ("in", "out", "ping"):
                line["error"] = "it ended early: " + self.said()
            return line
        finally:
            place.stop(load)

    def run_one(self, workload, target):
        try:
            target.start()
            result = self.run_load(workload, target)
        except (RuntimeError, OSError, subprocess.SubprocessError, ValueError) as error:
            result = {"error": str(error)[-1000:]}
        finally:
            try:
                target.stop()
            except OSError:
                pass
        self.keep(workload.name, target.name, result)
        return result

    def run_round(self, number, chosen, targets, limits):
        for limit in limits:
            self.tell(number, limit.name, "limit", self.run_limit_safely(limit))
        for workload in chosen:
            for target in targets:
                if workload.name.startswith("idle10k") and target.name != "ours" and (number > 1 or self.options.quick):
                    continue  # minutes each, and memory varies little
                self.tell(number, workload.name, target.name, self.run_one(workload, target))

    def run_limit_safely(self, limit):
        try:
            result = self.run_limit(limit)
        except (RuntimeError, OSError, subprocess.SubprocessError, ValueError) as error:
            result = {"error": str(error)}
        self.keep(limit.name, "limit", result)
        return result

    @staticmethod
    def tell(number, workload, target, result):
        """The progress, on standard error; the table is for standard output."""
        said = result.get("error") or "%.0f/s" % (result["done"] / (result["seconds"] or 1))
        print("round %d  %-16s %-9s %s" % (number, workload, target, said.strip()), file=sys.stderr, flush=True)


def machine():
    model = "?"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release(), "load_average": os.getloadavg()}


def chosen_by(names, known, kind):
    """Those with these names, in the order of `known`; all when none are named."""
    if not names:
        return list(known)
    words = names.split(",")
    for word in words:
        if word not in [each.name for each in known]:
            sys.exit("run.py: no %s is called %s; there are %s" % (kind, word, ", ".join(each.name for each in known)))
    return [each for each in known if each.name in words]


QUICK = "in,in100,in-tls,out,ping,handshake,handshake-tls,idle1k,idle1k-tls,idle10k"


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default="./openfire-s2s")
    parser.add_argument("--programs", default="build/default/test/bench", help="where load and limits are")
    parser.add_argument("--targets", help="names, with commas: " + ", ".join(each.name for each in TARGETS))
    parser.add_argument("--workloads", help="names, with commas, or `limits`")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="that are measured, in each run")
    parser.add_argument("--warmup", type=float)
    parser.add_argument("--window", type=int, default=16384, help="stanzas on their way at most; 0: only TCP decides")
    parser.add_argument("--json", default="build/bench/result.json")
    parser.add_argument("--no-limits", action="store_true", help="leave the bare limits out")
    parser.add_argument("--quick", action="store_true", help="one short round of the workloads that matter most")
    parser.add_argument("--smoke", action="store_true", help="tiny, as a test: is everything delivered, in order, and counted?")
    options = parser.parse_args()
    default = (1, 0.3, 0.2) if options.smoke else (1, 1.2, 0.4) if options.quick else (3, 4, 1)
    for name, value in zip(("rounds", "seconds", "warmup"), default):
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.binary, options.programs = os.path.abspath(options.binary), os.path.abspath(options.programs)
    return options


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the namespace goes, and all in it
    raise_limits()
    isolated = hosts.are_possible()
    known = workloads(options.smoke, options.quick)
    names = options.workloads or (QUICK if options.quick and not options.smoke else None)
    chosen = [] if names == "limits" else chosen_by(names, known, "workload")
    classes, missing = [], []
    for each in chosen_by(options.targets, TARGETS, "target"):
        if not each.is_installed():
            missing.append("%s: not installed" % each.name)
        elif each.needs_namespace and not isolated:
            missing.append("%s: needs a network namespace (root)" % each.name)
        else:
            classes.append(each)
    for line in missing:
        print("left out: " + line, flush=True)
    directory = tempfile.mkdtemp(prefix="s2sbench-")
    os.chmod(directory, 0o755)
    place = Place(directory, isolated)
    try:
        make_certificate(directory, "target", DOMAIN, COMPONENT)
        make_certificate(directory, "load", "load.test", "*.load.test")
        bench = Bench(options, place)
        targets = [each(place, options) for each in classes]
        begun = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        for number in range(1, options.rounds + 1):
            bench.run_round(number, chosen, targets, () if options.no_limits else LIMITS)
    finally:
        place.remove()
        shutil.rmtree(directory, ignore_errors=True)
    found = report.summarise(bench.results, chosen, LIMITS)
    found.update(date=begun, machine=machine(), missing=missing, rounds=options.rounds, seconds=options.seconds,
                 warmup=options.warmup, window=options.window, message_bytes=SIZE)
    os.makedirs(os.path.dirname(os.path.abspath(options.json)), exist_ok=True)
    with open(options.json, "w") as file:
        json.dump(found, file, indent=1)
    if options.smoke:
        return report.check(found, chosen, LIMITS, options.json)
    report.show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
