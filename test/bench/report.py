# SPDX-License-Identifier: Apache-2.0
"""report.py - from the results of all runs to rows, to the table on the screen, and to the lines of the smoke test"""
import json
from statistics import median

import goals

COUNTERS = ("lost", "disordered", "bounced", "failed")


def spread(values):
    values = [value for value in values if value is not None]
    return {"median": median(values), "least": min(values), "most": max(values)} if values else None


def per(result, what, by):
    return result[what] / result[by] if result.get(by) else None


def row_of(workload, target, runs):
    """What the table shows of one workload with one target; `runs` of it failed where they have an error."""
    good = [run for run in runs if "error" not in run]
    row = {"workload": workload.name, "title": workload.title, "unit": workload.unit, "target": target,
           "idle": getattr(workload, "idle", 0), "runs": runs, "errors": [run["error"] for run in runs if "error" in run]}
    row["rate"] = spread([per(run, "done", "seconds") for run in good])
    row["per_cpu_second"] = spread([per(run, "done", "cpu_target") for run in good])
    row["core"] = spread([per(run, "cpu_target", "seconds") for run in good])
    row["load_core"] = spread([per(run, "cpu_load", "seconds") for run in good if "cpu_load" in run])
    row["others"] = spread([max(0, run["cpu_all"] - run["cpu_target"] - run["cpu_load"]) / run["seconds"]
                            for run in good if "cpu_all" in run and run["seconds"]])
    for name in COUNTERS:
        row[name] = sum(run.get(name, 0) for run in good)
    if any(run.get("samples") for run in good):
        row["p50_ms"], row["p99_ms"] = (spread([run[name] for run in good]) for name in ("p50", "p99"))
    if any("memory" in run for run in good):
        row["bytes_per_stream"] = spread([run.get("bytes_per_stream") for run in good])
        row["rss_fresh"] = spread([run["memory"]["fresh"]["rss"] for run in good])
        row["rss"] = spread([run["memory"]["idle"]["rss"] for run in good])
        row["pss"] = spread([run["memory"]["idle"]["pss"] for run in good])
        row["threads"] = spread([run["memory"]["idle"]["threads"] for run in good])
    return row


def summarise(results, workloads, limits):
    rows = []
    for each in list(limits) + list(workloads):
        for (name, target), runs in results.items():
            if name == each.name:
                rows.append(row_of(each, target, runs))
    return {"rows": rows, "goals": goals.judge({(row["workload"], row["target"]): row for row in rows})}


# --- the table

def number(value):
    return "%.0f" % value if value >= 100 else "%.3g" % value


def shown(figure, unit=1.0):
    if figure is None:
        return "-"
    if figure["least"] == figure["most"]:
        return number(figure["median"] / unit)
    return "%s [%s-%s]" % tuple(number(figure[name] / unit) for name in ("median", "least", "most"))


def percent(figure):
    return "-" if figure is None else "%.0f %%" % (100 * figure["median"])


def remarks(row):
    words = []
    if "p50_ms" in row:
        words.append("p50 %s ms, p99 %s ms" % (shown(row["p50_ms"]), shown(row["p99_ms"])))
    if row.get("bytes_per_stream"):
        words.append("%s KiB a stream, %s MiB resident, %.0f threads" % (
            shown(row["bytes_per_stream"], 1024), number(row["rss"]["median"] / 1048576), row["threads"]["median"]))
    if row["load_core"] and row["load_core"]["median"] > 0.95 and row["unit"] != "pings":
        words.append("the load was at its limit")
    words += ["%d %s" % (row[name], name) for name in COUNTERS if row[name]]
    if row["errors"]:
        words.append("%d of %d runs failed: %s" % (len(row["errors"]), len(row["runs"]), row["errors"][0].strip().split("\n")[-1][:200]))
    return "; ".join(words)


def show(found):
    """One table: a heading for each workload, a line for each target, and what it is to ours."""
    rows = found["rows"]
    print("\n%s, %d cores, kernel %s; %d rounds of %g s after %g s; %d-byte messages, window %d\n" % (
        found["machine"]["processor"], found["machine"]["cores"], found["machine"]["kernel"], found["rounds"], found["seconds"],
        found["warmup"], found["message_bytes"], found["window"]))
    layout = "  %-10s %-28s %-28s %6s %6s %6s %8s  %s"
    title = None
    ours = {row["workload"]: row for row in rows if row["target"] == "ours"}
    for row in rows:
        if row["title"] != title:
            title = row["title"]
            print("%s (%s)" % (title, row["unit"]))
            print(layout % ("", "per second", "per CPU-second", "core", "load", "others", "ours is", ""))
        mine = ours.get(row["workload"])
        times = "-"
        if mine and mine is not row and mine["rate"] and row["rate"] and row["rate"]["median"]:
            times = "%.3gx" % (mine["rate"]["median"] / row["rate"]["median"])
        print((layout % (row["target"], shown(row["rate"]), shown(row["per_cpu_second"]), percent(row["core"]),
                         percent(row["load_core"]), percent(row["others"]), times, remarks(row))).rstrip())
    print("\nper second and per CPU-second: median [least-most]; core, load: how busy the target and the load kept their core;\n"
          "others: how busy all else on this machine kept one core, which should be nothing")
    busy = [row["others"]["median"] for row in rows if row["others"]]
    if busy and median(busy) > 0.1:
        print("\nThis machine was busy with other things, %.0f %% of a core: the figures per CPU-second say more than those per second." %
              (100 * median(busy)))
    print("\nGoals")
    for goal in found["goals"]:
        print("  %-13s %s%s" % (goal["verdict"], goal["text"], ": " + goal["seen"] if goal["seen"] else ""))


# --- the smoke test

def faults(runs, is_limit):
    """What is wrong with the runs of a workload; timing is never wrong."""
    words = []
    for run in runs:
        if "error" in run:
            words.append(run["error"].strip())
            continue
        if run["done"] <= 0:
            words.append("nothing was done")
        if not is_limit:
            words += ["%d %s" % (run[name], name) for name in COUNTERS + ("unexpected",) if run[name]]
            if run["sent"] != run["received"]:
                words.append("%d sent, %d received" % (run["sent"], run["received"]))
    return words or ([] if runs else ["no run"])


def check(found, workloads, limits, path):
    """`ok` or `FAILED` for each workload and limit, and for the JSON; the closing line; the exit status."""
    rows = {row["workload"]: row for row in found["rows"]}
    failed = 0
    for each in list(limits) + list(workloads):
        words = faults(rows[each.name]["runs"] if each.name in rows else [], each in limits)
        failed += bool(words)
        print("FAILED %s: %s" % (each.name, "; ".join(words)) if words else "ok %s" % each.name)
    with open(path) as file:
        again = json.load(file)
    lacking = [name for name in ("date", "machine", "rows", "goals", "rounds", "seconds") if not again.get(name)]
    lacking += [each.name for each in workloads if not rows.get(each.name, {}).get("rate")]
    lacking += [each.name for each in workloads if each.idle and not rows.get(each.name, {}).get("bytes_per_stream")]
    failed += bool(lacking)
    print("FAILED the JSON lacks %s" % ", ".join(lacking) if lacking else "ok the JSON is complete")
    print("%d passed, %d failed, 0 skipped" % (len(limits) + len(workloads) + 1 - failed, failed))
    return 1 if failed else 0
