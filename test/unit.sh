#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# unit.sh - runs the unit tests that it is given, one program after the other
#
#   unit.sh build/default/test/test_text ...
#
# Each program writes TAP (cmocka does that when asked). The output of a program is shown when one of
# its tests failed, when it ended otherwise than it should, or when it ran fewer tests than it planned.
# The last line is the sum: N passed, N failed, N skipped.
export CMOCKA_MESSAGE_OUTPUT=TAP
limit=${UNIT_LIMIT:-120} # seconds for one program
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT
trap 'exit 130' HUP INT TERM
sum_passed=0 sum_failed=0 sum_skipped=0

for program in "$@"; do
    timeout -k 10 "$limit" "$program" >"$output" 2>&1 </dev/null
    status=$?
    read -r planned passed failed skipped <<COUNTS
$(awk '/^1\.\.[0-9]+$/ { planned += substr($0, 4) }
       /^(not )?ok [0-9]+ # SKIP/ { skipped++; next }
       /^ok [0-9]+/ { passed++ }
       /^not ok [0-9]+/ { failed++ }
       END { print planned + 0, passed + 0, failed + 0, skipped + 0 }' "$output")
COUNTS
    why=
    if [ "$status" -eq 124 ]; then
        why="not done after $limit seconds"
    elif [ "$status" -gt 124 ] || { [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; }; then
        why="ended with status $status"
    elif [ "$planned" -eq 0 ]; then
        why="ran no test"
    elif [ $((passed + failed + skipped)) -lt "$planned" ]; then
        why="ran $((passed + failed + skipped)) of $planned tests"
    fi
    [ -z "$why" ] || failed=$((failed + 1))
    if [ "$failed" -gt 0 ]; then
        echo "---- $program: $failed failed${why:+ ($why)}"
        cat "$output"
    fi
    sum_passed=$((sum_passed + passed))
    sum_failed=$((sum_failed + failed))
    sum_skipped=$((sum_skipped + skipped))
done
echo "$sum_passed passed, $sum_failed failed, $sum_skipped skipped"
[ "$sum_failed" -eq 0 ]
