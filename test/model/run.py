#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py - the model of dialback, dialback.pml, checked with spin

Four kinds of test: every name in the model is a function of the C file that it stands under; the properties hold in all states;
with one check taken out of the program (-DBUG_…) the property that this check is there for breaks; and each end that must be
possible can be reached. All that is made goes to build/model. Prints `ok name` or `FAILED name: why`, then `N passed, N failed,
N skipped`. After a failure, build/model/NAME has what spin made: there, `./pan -r` tells the way to it step by step, `spin -t -p`
with the lines of the model.
"""
import os
import re
import shutil
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(TOP, "test/model/dialback.pml")
BUILD = os.path.join(TOP, "build/model")
ROLES = ("dialback/originating_server.h", "dialback/receiving_server.h", "dialback/authoritative_server.h")
OWN = ("attacker_", "network_", "model_")  # names that need no function
SECONDS, MEGABYTES, DEPTH = 60, 1000, 200000

LIVENESS = ["-DLIVENESS", "-DROOM=1"]
ENDS, PACKETS = "every_verification_ends", "every_packet_ends"

# What is taken out, and what must break then: an assertion, or a formula.
BUGS = {
    "BUG_UNASKED_VERDICT": "stanza_before_proof",  # CVE-2012-3525
    "BUG_STANZA_BEFORE_VERDICT": "stanza_before_proof",
    "BUG_ANY_PROOF_WILL_DO": "stanza_before_proof",
    "BUG_VERDICT_ON_ANY_STREAM": "foreign_answer_counted",
    "BUG_VERDICT_OF_ANY_ID": "foreign_answer_counted",
    "BUG_RESULT_ON_ANY_STREAM": "sent_before_proof",
    "BUG_KEY_WITHOUT_STREAM_ID": "impostor_heard",
    "BUG_KEY_WITHOUT_RECEIVING": "impostor_heard",  # as CVE-2016-0756
    "BUG_CLAIM_PENDING_AGAIN": "asked_twice",
    "BUG_EXPIRED_STAYS": "ended_twice",
    "BUG_ANSWER_BEFORE_SETTLE": "refused_after_valid",  # OF-2626
    "BUG_NO_ANSWER_DEADLINE": ENDS,
    "BUG_NO_SETUP_DEADLINE": ENDS,
    "BUG_END_TELLS_NOBODY": ENDS,
}


class Failed(Exception):
    pass


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def call(arguments, directory, seconds=SECONDS):
    """Its output, whatever its status; never for longer than that."""
    try:
        done = subprocess.run(arguments, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False)
    except FileNotFoundError as error:
        raise Failed("%s is not installed" % arguments[0]) from error
    except subprocess.TimeoutExpired as error:
        raise Failed("%s is not done after %d seconds" % (arguments[0], seconds)) from error
    return done.returncode, done.stdout


def make(name, spin_options, gcc_options):
    """A checker for the model with these options, in a directory of its own."""
    directory = os.path.join(BUILD, name)
    os.makedirs(directory)
    status, said = call(["spin", *spin_options, "-a", MODEL], directory)
    if status != 0 or "Error" in said or not os.path.exists(os.path.join(directory, "pan.c")):
        raise Failed("spin: %s" % said.strip())
    gcc = ["gcc", "-w", "-DCOLLAPSE", "-DMEMLIM=%d" % MEGABYTES, *gcc_options, "-o", "pan", "pan.c"]
    status, said = call(gcc, directory)
    if status != 0:
        raise Failed("gcc: %s" % said.strip())
    return directory


def check(directory, *options):
    """Run the checker: (states, what broke or None). None is an answer only of a search that was complete."""
    _, said = call(["./pan", "-m%d" % DEPTH, *options], directory)
    broken = re.search(r"^pan:\d+: (.*?) \(at depth", said, re.M)
    states = re.search(r"^ *([\d.e+]+) states, stored", said, re.M)
    if states is None or "errors:" not in said:
        raise Failed("no result: %s" % said.strip()[-300:])
    if broken is None and ("errors: 0" not in said or "Search not completed" in said or "too small" in said):
        raise Failed("the search is not complete: %s" % said.strip()[:300])
    return int(float(states.group(1))), broken.group(1) if broken else None


def holds(name, spin_options, gcc_options, *runs):
    """Nothing breaks. Each of `runs` has the options of a run of the checker, the last of which names it."""
    directory = make(name, spin_options, gcc_options)
    for options in runs:
        states, broken = check(directory, *options)
        if broken is not None:
            raise Failed("%s breaks: %s" % (options[-1] if options else "the model", broken))
        print("   %s: %d states" % (options[-1] if options else "all that can happen", states))


def breaks(bug, expected):
    if expected in (ENDS, PACKETS):
        directory = make(bug, [*LIVENESS, "-D" + bug], ["-O0", "-DNFAIR=4"])
        _, broken = check(directory, "-a", "-f", "-N", expected)
        good = broken == "acceptance cycle"
    else:
        directory = make(bug, ["-D" + bug], ["-O0", "-DSAFETY"])
        _, broken = check(directory)
        good = broken is not None and expected in re.findall(r"\w+", broken)
    if not good:
        raise Failed("%s should break; what breaks: %s" % (expected, broken or "nothing"))


def can_be(witness, number):
    directory = make(witness, ["-DWITNESS=%s" % number], ["-O0", "-DSAFETY"])
    _, broken = check(directory)
    if broken is None or "%s!=%s" % (number, number) not in broken:
        raise Failed("no way leads there; what breaks: %s" % (broken or "nothing"))


def names():
    """Every inline is a function that the file above it defines; every function of a role is in the model or said to be left out."""
    model = read("test/model/dialback.pml")
    wrong, path, count = [], None, 0
    for line in model.splitlines():
        section = re.match(r"/\* ---- (.*) \*/$", line)
        if section:
            path = section.group(1)
        named = re.match(r"inline (\w+)\(|#define (\w+)\([^)]*\) \\$", line)
        name = named and (named.group(1) or named.group(2))
        if not name or name.startswith(OWN) or name.isupper():
            continue
        count += 1
        if path is None or not os.path.exists(os.path.join(TOP, path)):
            wrong.append("%s stands under no file" % name)
        elif not re.search(r"^(?:\w[\w *]*[ *])%s\([^;{}]*\)\n\{" % name, read(path), re.M):
            wrong.append("%s is no function of %s" % (name, path))
    for header in ROLES:
        for name in re.findall(r"\b(\w+)\((?:const )?(?:struct|enum)", re.sub(r"(?s)/\*.*?\*/", "", read(header))):
            if not re.search(r"\b%s\b" % name, model):
                wrong.append("%s of %s is not in the model, and not named as left out" % (name, header))
    if set(re.findall(r"\bBUG_\w+", model)) != set(BUGS):
        wrong.append("the bugs of the model are not those of run.py")
    if wrong or count < 40:
        raise Failed("; ".join(wrong) or "only %d names found" % count)
    print("   %d names" % count)


def main():
    shutil.rmtree(BUILD, ignore_errors=True)
    ends = read("test/model/dialback.pml").partition("the ends that must be possible")[2]
    witnesses = re.findall(r"^#define (\w+) ([1-9]\d*)$", ends, re.M)
    tests = [("names", names, ()),
             ("no_stanza_before_its_proof", holds, ("safety", [], ["-O2", "-DSAFETY"], ())),
             ("every_request_ends", holds, ("liveness", LIVENESS, ["-O1", "-DNFAIR=4"],
                                            ("-a", "-f", "-N", ENDS), ("-a", "-f", "-N", PACKETS)))]
    tests += [(bug, breaks, (bug, expected)) for bug, expected in BUGS.items()]
    tests += [(witness, can_be, (witness, number)) for witness, number in witnesses]
    passed = failed = 0
    for name, test, arguments in tests:
        started = time.monotonic()
        try:
            test(*arguments)
            passed += 1
            print("ok %s (%.1f s)" % (name, time.monotonic() - started), flush=True)
            shutil.rmtree(os.path.join(BUILD, arguments[0] if arguments else name), ignore_errors=True)
        except Failed as why:
            failed += 1
            print("FAILED %s: %s" % (name, why), flush=True)
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
