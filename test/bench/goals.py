# SPDX-License-Identifier: Apache-2.0
"""goals.py - what the figures of ours have to be, beside others and bare limits of the same rounds

A ratio is that of the rates per second, round by round, and then the median; the one of CPU-seconds is shown beside it.
"""
from statistics import median

PEERS = ("prosody", "ejabberd", "jabberd2")


def ratios(rows, one, other, by):
    """Of two (workload, target) in each round that both have."""
    found = []
    for first, second in zip(rows.get(one, {}).get("runs", ()), rows.get(other, {}).get("runs", ())):
        if all(run.get("done") and run.get(by) for run in (first, second)):
            found.append(first["done"] / first[by] / (second["done"] / second[by]))
    return found


def fastest_peer(rows, workload):
    found = [(rows[workload, peer]["rate"]["median"], peer) for peer in PEERS
             if (workload, peer) in rows and rows[workload, peer]["rate"]]
    return max(found)[1] if found else None


def ratio_goal(text, workload, other, least):
    """`other`: (workload, target), or a workload whose fastest peer is meant."""
    def judge(rows):
        one, two = (workload, "ours"), other
        if isinstance(other, str):
            two = (other, fastest_peer(rows, other))
        values = ratios(rows, one, two, "seconds")
        if not values:
            return None, ""
        by_cpu = ratios(rows, one, two, "cpu_target")
        seen = "%.2f" % median(values)
        if isinstance(other, str):
            seen += " x " + two[1]
        if by_cpu:
            seen += " (by CPU-seconds %.2f)" % median(by_cpu)
        return median(values) >= least, seen
    return text, judge


def memory_goal(text, workload, most):
    def judge(rows):
        figure = rows.get((workload, "ours"), {}).get("bytes_per_stream")
        return (None, "") if not figure else (figure["median"] <= most * 1024, "%.1f KiB" % (figure["median"] / 1024))
    return text, judge


def least_memory_goal(text, workload):
    def judge(rows):
        mine = rows.get((workload, "ours"), {}).get("bytes_per_stream")
        others = [(rows[workload, peer]["bytes_per_stream"]["median"], peer) for peer in PEERS
                  if rows.get((workload, peer), {}).get("bytes_per_stream")]
        if not mine or not others:
            return None, ""
        return mine["median"] < min(others)[0], ", ".join("%s %.1f KiB" % (peer, size / 1024) for size, peer in others)
    return text, judge


def held_goal(text, workload):
    def judge(rows):
        row = rows.get((workload, "ours"))
        if not row or not row["runs"]:
            return None, ""
        return not row["errors"] and row["failed"] == 0 and row["lost"] == 0, "%d streams, %d failed" % (row["idle"], row["failed"])
    return text, judge


GOALS = (
    ratio_goal("S2S -> component, 1 stream, plain: at least half of the bare parse", "in", ("parse", "limit"), 0.5),
    ratio_goal("the same: 10 x the fastest peer", "in", "in", 10),
    ratio_goal("100 domains on 100 streams: at least 80 % of one stream", "in100", ("in", "ours"), 0.8),
    ratio_goal("component -> S2S: at least the inbound rate", "out", ("in", "ours"), 1),
    ratio_goal("inside TLS 1.3: at least 60 % of plain", "in-tls", ("in", "ours"), 0.6),
    ratio_goal("new stream + dialback, plain: 3 x the fastest peer", "handshake", "handshake", 3),
    ratio_goal("new stream + dialback, TLS 1.3, ECDSA: at least half of OpenSSL alone", "handshake-tls",
               ("handshake-limit", "limit"), 0.5),
    ratio_goal("the same: 3 x the fastest peer", "handshake-tls", "handshake-tls", 3),
    memory_goal("idle authenticated stream, plain: at most 20 KiB", "idle1k", 20),
    memory_goal("idle authenticated stream, TLS: at most 40 KiB", "idle1k-tls", 40),
    memory_goal("the same with the many, plain", "idle10k", 20),
    memory_goal("the same with the many, TLS", "idle10k-tls", 40),
    least_memory_goal("idle, plain: below every peer", "idle1k"),
    least_memory_goal("idle, TLS: below every peer", "idle1k-tls"),
    held_goal("10,000 idle authenticated streams: held", "idle10k"),
    ratio_goal("beside them the one-stream rate stays at 80 % or more", "idle10k", ("in", "ours"), 0.8),
    held_goal("10,000 idle authenticated streams inside TLS: held", "idle10k-tls"),
    ratio_goal("beside them the one-stream rate inside TLS stays at 80 % or more", "idle10k-tls", ("in-tls", "ours"), 0.8),
)


def judge(rows):
    """`rows` by (workload, target). A list of {text, verdict, seen}."""
    found = []
    for text, judged in GOALS:
        is_met, seen = judged(rows)
        found.append({"text": text, "verdict": {True: "met", False: "not met", None: "not measured"}[is_met], "seen": seen})
    return found
