#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh - every test of the project, step by step; `make test` calls it
#
# A step is a command whose last line says `N passed, N failed, N skipped`. It has a time limit, a log
# in build/test-logs/, and no standard input. It counts as failed as well when it ends with another status
# than 0, runs out of time, has no such last line or no test, and when a sanitizer wrote a report
# during it, in whatever process. What failed is shown at the end; the very last line is the sum.
#
# Most steps wait most of their time: LANES of them (2) run at once. Those that measure run alone.
# STEPS='unit|dialog' restricts a run to the steps whose name matches (builds are made all the same).
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL CC CFLAGS LDFLAGS VARIANT

# The Python that Debian's packages belong to, whatever stands before it in PATH.
PYTHON=${PYTHON:-/usr/bin/python3}
LANES=${LANES:-2}
logs=build/test-logs
number=0 tests=0 child=
step_names=() step_logs=() # of all steps, in their order
declare -A lanes=()        # process ids of steps that run
declare -A broken=()       # variants that do not build

rm -rf "$logs"
mkdir -p "$logs"
trap 'end_lanes; exit 130' HUP INT TERM

# Sanitizers want their shadow memory where a kernel with much address randomisation may have put
# something else; they then die at the start. Without randomisation that cannot happen.
if setarch -R true 2>/dev/null; then fixed_addresses=(setarch -R); else fixed_addresses=(); fi

end_child() {
    [ -z "$child" ] && return
    kill -TERM "$child" 2>/dev/null
    wait "$child"
}

end_lanes() {
    [ ${#lanes[@]} -eq 0 ] && return
    kill -TERM "${!lanes[@]}" 2>/dev/null
    wait "${!lanes[@]}"
}

# wait_for_lanes MOST - until no more than so many steps run
wait_for_lanes() {
    local pid=
    while [ ${#lanes[@]} -gt "$1" ]; do
        wait -n -p pid "${!lanes[@]}"
        [ -n "$pid" ] || break
        unset "lanes[$pid]"
    done
}

# run_logged LOG VARIANT LIMIT COMMAND... - runs it as said above; sets `status`
run_logged() {
    local log=$1 variant=$2 limit=$3 prefix=() reports
    shift 3
    case $variant in asan | tsan | fuzz) prefix=("${fixed_addresses[@]}") ;; esac
    reports=$PWD/${log%.log}.report
    # A background job of a script ignores SIGINT; the servers under test shall not inherit that.
    env --default-signal=INT,QUIT \
        ASAN_OPTIONS="log_path='$reports.asan'" \
        UBSAN_OPTIONS="log_path='$reports.ubsan':print_stacktrace=1" \
        TSAN_OPTIONS="log_path='$reports.tsan':second_deadlock_stack=1" \
        "${prefix[@]}" timeout -k 30 "$limit" "$@" </dev/null >"$log" 2>&1 &
    child=$!
    wait "$child"
    status=$?
    child=
}

# run_step LOG NAME VARIANT LIMIT COMMAND... - one step: runs it, counts it, says how it went and how long it took. Leaves
# passed, failed, skipped and a reason in the log's .sum
run_step() {
    local log=$1 name=$2 variant=$3 limit=$4 started=$SECONDS status p=0 f=0 s=0 why='' report
    trap 'end_child; exit 130' HUP INT TERM
    if [ -n "${broken[$variant]:-}" ]; then
        status=0 why="not run, the build failed"
        echo "$why" >"$log"
    else
        run_logged "$log" "${@:3}"
        if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
            p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} s=${BASH_REMATCH[3]}
            [ $((p + f + s)) -gt 0 ] || why="ran no test"
        else
            why="no closing line"
        fi
        case $status in
        0) ;;
        124 | 137) why="not done after $limit seconds" ;;
        *) [ "$f" -gt 0 ] || why="ended with status $status" ;;
        esac
    fi
    [ -z "$why" ] || f=$((f + 1))
    for report in "${log%.log}".report.*; do
        [ -s "$report" ] || continue
        f=$((f + 1)) why="${why:+$why; }a sanitizer's report"
        printf '\n---- %s\n' "$report" >>"$log"
        cat "$report" >>"$log"
    done
    echo "$p $f $s $why" >"${log%.log}.sum"
    printf '%-34s%4d s   %d passed, %d failed, %d skipped%s\n' "$name" $((SECONDS - started)) "$p" "$f" "$s" \
        "${why:+   ($why)}"
}

# step NAME VARIANT LIMIT COMMAND... - a step in one of the lanes
step() {
    local name="$1, $2" log
    [[ $1 == build || $name =~ ${STEPS:-.} ]] || return 0
    number=$((number + 1))
    [ "$1" = build ] || tests=$((tests + 1))
    log=$logs/$(printf '%02d' "$number")-${name//[^A-Za-z0-9]/-}.log
    step_names+=("$name") step_logs+=("$log")
    wait_for_lanes $((LANES - 1))
    run_step "$log" "$name" "${@:2}" &
    lanes[$!]=1
}

# alone NAME VARIANT LIMIT COMMAND... - a step with nothing beside it
alone() {
    wait_for_lanes 0
    step "$@"
    wait_for_lanes 0
}

# build VARIANT MAKE-ARGUMENT... - warnings are errors
build() {
    alone build "$1" 600 sh -c '"$@" && echo "1 passed, 0 failed, 0 skipped"' build \
        make --no-print-directory -j2 "${@:2}"
    [[ $(cat "$logs/$(printf '%02d' "$number")-build--$1.sum") =~ ^1\ 0 ]] || broken[$1]=1
}

build plain all tests bench-programs
build clang all tests bench-programs CC=clang
build asan all tests bench-programs VARIANT=asan
build tsan all tests bench-programs VARIANT=tsan
build fuzz targets VARIANT=fuzz

step fuzzing fuzz 240 sh test/fuzz/run.sh short
step layers source 60 sh test/check_layers.sh
step 'model of dialback' source 120 "$PYTHON" test/model/run.py
unit_tests=(test/test_*.c)
for variant in plain asan tsan; do
    case $variant in
    plain) directory=build/default binary=./openfire-s2s ;;
    *) directory=build/$variant binary=build/$variant/openfire-s2s ;;
    esac
    programs=("${unit_tests[@]/#/$directory/}")
    step 'unit tests' $variant 400 sh test/unit.sh "${programs[@]%.c}"
    step dialogues $variant 400 "$PYTHON" test/dialog.py --binary $binary
    [ $variant != plain ] ||
        step 'dialogues byte by byte' plain 400 "$PYTHON" test/dialog.py --binary $binary --drip
    [ $variant = asan ] ||
        step 'dialogues inside TLS' $variant 400 "$PYTHON" test/dialog.py --binary $binary --tls
    [ $variant = tsan ] || {
        step 'TLS scan' $variant 120 "$PYTHON" test/tls_scan.py --binary $binary
        step DANE $variant 120 "$PYTHON" test/dane.py --binary $binary
    }
    step 'two servers' $variant 180 "$PYTHON" test/two_servers.py --binary $binary
    step administration $variant 180 "$PYTHON" test/admin.py --binary $binary
    step 'staged failures' $variant 120 "$PYTHON" test/staged.py --binary $binary
    [ $variant = asan ] || step interop $variant 400 "$PYTHON" test/interop/run.py --binary $binary
    case $variant in plain) securities=selfsigned,external,direct ;; *) securities=external ;; esac
    step 'interop inside TLS' $variant 400 "$PYTHON" test/interop/run.py --binary $binary --security $securities
    step 'from Openfire' $variant 60 "$PYTHON" test/openfire.py --binary $binary
    [ $variant = asan ] || step metrics $variant 120 "$PYTHON" test/metrics.py --binary $binary
    step delivery $variant 120 "$PYTHON" test/delivery.py --binary $binary
    [ $variant = asan ] || step 'killed peers' $variant 180 "$PYTHON" test/killed.py --binary $binary
    case $variant in plain) reduced=() ;; *) reduced=(--reduced) ;; esac
    [ $variant = asan ] || step 'attacks on the console' $variant 180 "$PYTHON" -W ignore test/console.py --binary $binary "${reduced[@]}"
    alone abuse $variant 240 "$PYTHON" test/abuse/run.py --binary $binary "${reduced[@]}"
    [ $variant = asan ] || alone soak $variant 120 "$PYTHON" test/soak.py --binary $binary --seconds 25
    [ $variant = asan ] || step 'servers behind us' $variant 300 "$PYTHON" test/interop/behind.py --binary $binary
done
alone 'bench smoke' plain 180 "$PYTHON" test/bench/run.py --binary ./openfire-s2s --targets ours --smoke --json build/bench/smoke.json
step browser plain 240 "$PYTHON" test/browser/console.py --binary ./openfire-s2s
step 'manual pages' plain 60 "$PYTHON" test/manual.py --binary ./openfire-s2s
step service plain 180 "$PYTHON" test/service.py --binary ./openfire-s2s
step 'matrix of policies' plain 300 "$PYTHON" test/matrix.py --binary ./openfire-s2s
step handshakes plain 400 "$PYTHON" test/handshakes.py --binary ./openfire-s2s
step handshakes tsan 400 "$PYTHON" test/handshakes.py --binary build/tsan/openfire-s2s --cycles 600 --slack 40000
alone flood plain 120 "$PYTHON" test/flood.py --binary ./openfire-s2s
alone flood tsan 120 "$PYTHON" test/flood.py --binary build/tsan/openfire-s2s --strangers 1500 --places 300 --slow 30
step cycles plain 400 "$PYTHON" test/cycles.py --binary ./openfire-s2s
step cycles tsan 400 "$PYTHON" test/cycles.py --binary build/tsan/openfire-s2s --cycles 500 --slack 20000

wait_for_lanes 0

passed=0 failed=0 skipped=0
for i in "${!step_names[@]}"; do
    log=${step_logs[i]} p=0 f=1 s=0 why='no account of it'
    [ ! -e "${log%.log}.sum" ] || read -r p f s why <"${log%.log}.sum"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    [ "$f" -ne 0 ] || continue
    printf '\n==== %s: %d failed%s\n==== %s\n' "${step_names[i]}" "$f" "${why:+ ($why)}" "$log"
    tail -n 200 "$log" | sed 's/^/  | /'
done
printf '\nlogs: %s   time: %d min %d s\n' "$logs" $((SECONDS / 60)) $((SECONDS % 60))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$tests" -gt 0 ]
