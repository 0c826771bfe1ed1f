#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh - two servers, one.test and two.test, on two loopback addresses: one.test pings two.test
#
# Prints the conversation of both sides, from the accepted connection to the last `valid` and the pong, in the order of its
# microseconds: what each program does (the timeline: class and method of Openfire, the clause it follows) and each
# stanza that it receives. Nothing leaves 127.0.0.0/8. Ends by itself within 20 seconds.
set -u
cd "$(dirname "$0")/.." || exit 1
binary=${1:-./openfire-s2s}
work=$(mktemp -d) || exit 1
pids=
finish() {
    for pid in $pids; do kill "$pid" 2>/dev/null; done
    for pid in $pids; do wait "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

settings() { # NAME ADDRESS
    cat >"$work/$1.conf" <<END
[xmpp]
domain = $1.test
[network]
interface = $2
[dnsutil]
dnsOverride = {one.test,127.0.1.1:5269},{two.test,127.0.1.2:5269}
[xmpp.socket]
ssl.certificate.accept-selfsigned = true
[adminConsole]
port = 0
securePort = 0
[s2s]
home = $work/$1
log.level = debug
log.wire = true
END
}
settings one 127.0.1.1
settings two 127.0.1.2

start() { # NAME OPTION...
    name=$1
    shift
    "$binary" -c "$work/$name.conf" "$@" 2>"$work/$name.log" &
    pids="$pids $!"
}

# wait_for NAME WORDS - until its log holds them, 10 seconds at most
wait_for() {
    for _ in $(seq 100); do
        grep -q "$2" "$work/$1.log" && return 0
        sleep 0.1
    done
    echo "demo: no '$2' in the log of $1.test:" >&2
    tail -n 20 "$work/$1.log" >&2
    return 1
}

start two
wait_for two 'serves two.test' || exit 1
start one -P two.test
wait_for one 'pong from\|ping to two.test failed' || exit 1
for pid in $pids; do kill -TERM "$pid"; done
for pid in $pids; do wait "$pid"; done
pids=

cat <<'END'
one.test (127.0.1.1) pings two.test (127.0.1.2); each is a server of its own.

  >> and <<   the bytes a server sends and receives; both sides show them, as each is seen at both ends
  s2sin-…     a stream that the other server opened to this one, s2sout-… one that it opened
  Class.method: what happened [the clause it follows]: a step of the connection's timeline

END
for name in one two; do sed "s/^/$name.test /" "$work/$name.log"; done |
    sort -s -k 2,2 |
    awk '{
        name = $1; time = substr($2, 18, 10); id = $4; text = $0
        for (i = 0; i < 4; i++) sub(/^[^ ]+ +/, "", text)
        if (name != last) print ""
        last = name
        printf "%s  %-8s %-9s %s\n", time, name, id, text
    }'
grep -q 'pong from two.test' "$work/one.log"
