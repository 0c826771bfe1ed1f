#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh - runs the fuzz targets, one after the other; they were built with VARIANT=fuzz
#
#   run.sh short [TARGET...]    what once failed (test/fuzz/findings/) and the seeds, then FUZZ_SECONDS (8) of fuzzing
#   run.sh long [TARGET...]     the same for FUZZ_SECONDS (600), with a corpus that stays, in build/fuzz/corpus/
#
# A target is fuzz_TARGET.c; without any, all are run. An input that fails is put into build/fuzz/failed/ and the end of the
# log is shown; build/fuzz-clang/test/fuzz/fuzz_TARGET FILE shows it again. Once it is understood it goes to
# test/fuzz/findings/TARGET/, and what it showed into a unit test. The last line is the sum: N passed, N failed, N skipped;
# each target counts twice, for the files and for the fuzzing.
cd "$(dirname "$0")/../.." || exit 1
case $1 in
short) seconds=${FUZZ_SECONDS:-8} ;;
long) seconds=${FUZZ_SECONDS:-600} ;;
*)
    sed -n '3,6p' "$0" >&2
    exit 2
    ;;
esac
mode=$1
shift
seeds=build/fuzz/seeds failed=build/fuzz/failed
passed=0 failures=0

# Files of the targets in memory, where there is a place for that
base=${TMPDIR:-/tmp}
[ ! -w /dev/shm ] || base=/dev/shm
TMPDIR=$(mktemp -d "$base/openfire-s2s-fuzz-XXXXXX") || exit 1
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' HUP INT TERM
# ASan keeps freed memory for a while: less of it, as a fuzzer frees much.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=64
export TMPDIR ASAN_OPTIONS

# dictionary TARGET - libFuzzer's option with the words of its inputs
dictionary() {
    case $1 in
    stream_header | dialback_element) echo -dict=test/fuzz/xmpp_packet_reader.dict ;;
    certificate_identity) echo -dict=test/fuzz/jid.dict ;;
    dialback_roles) ;; # moves are bytes
    web_gate) echo -dict=test/fuzz/web_request.dict ;;
    *) echo "-dict=test/fuzz/$1.dict" ;;
    esac
}

# count WHAT COMMAND... - passed, or failed with the end of its log
count() {
    what=$1 log=$TMPDIR/log
    shift
    if "$@" >"$log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        echo "ok $what$(sed -n 's/^#\([0-9]*\)\tDONE *\(cov: [0-9]* ft: [0-9]*\).*/: \1 runs, \2/p' "$log")"
    else
        failures=$((failures + 1))
        echo "FAILED $what"
        grep -v '^#[0-9]' "$log" | tail -n 60
    fi
}

"${PYTHON:-/usr/bin/python3}" test/fuzz/seeds.py "$seeds" || exit 1
[ $# -gt 0 ] || set -- test/fuzz/fuzz_*.c
for target in "$@"; do
    target=$(basename "$target" .c)
    target=${target#fuzz_}
    findings=test/fuzz/findings/$target
    corpus=build/fuzz/corpus/$target
    [ "$mode" = long ] || corpus=$TMPDIR/corpus-$target
    mkdir -p "$corpus" "$failed"
    program="build/fuzz-clang/test/fuzz/fuzz_$target -timeout=20 -rss_limit_mb=1500 -artifact_prefix=$failed/$target-"
    files=$(find "$findings" "$seeds/$target" -type f 2>/dev/null)
    # shellcheck disable=SC2086 # words and names without blanks
    count "$target, findings and seeds" $program $files
    # shellcheck disable=SC2046,SC2086
    count "$target, $seconds s" $program -max_total_time="$seconds" -max_len=4096 \
        $(dictionary "$target") "$corpus" "$seeds/$target"
done
echo "$passed passed, $failures failed, 0 skipped"
[ "$failures" -eq 0 ]
