#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_layers.sh - the rules of the house that a compiler does not know
#
# Above all the direction of the rooms: a folder includes only itself and what stands to its left in
# `order`. Each rule is one test; the files that break it are listed under its name.
# Patterns are written so (TOD[O]) that this file does not match them itself.
set -u
cd "$(dirname "$0")/.." || exit 1
order="xml server dialback session admin"
passed=0 failed=0

# rule NAME OFFENDERS - holds when there are no offenders
rule() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s:\n%s\n' "$1" "$2"
    fi
}

# sources [FIND-TEST...] - the C files of the rooms and of the tests
sources() {
    # shellcheck disable=SC2086 # a list of words
    find $order test -name '*.[ch]' "$@" | LC_ALL=C sort
}

# texts [FIND-TEST...] - all files that are not built
texts() {
    find . \( -name .git -o -path ./build -o -path ./var -o -name __pycache__ -o -path ./openfire-s2s -o -path ./openfire-s2sctl \) -prune \
        -o -type f "$@" -print | LC_ALL=C sort
}

# is_root FILE - a .c without a .h cannot be included, so it may include anything
is_root() {
    case $1 in
    test/*) true ;;
    *.c) [ ! -e "${1%.c}.h" ] ;;
    *) false ;;
    esac
}

includes_to_the_right() {
    sources | while read -r file; do
        is_root "$file" && continue
        room=${file%%/*}
        allowed=" ${order%%"$room"*}$room "
        sed -n 's/^ *# *include "\([^"/]*\)\/.*/\1/p' "$file" | sort -u | while read -r used; do
            case $allowed in *" $used "*) ;; *) echo "  $file includes $used/" ;; esac
        done
    done
}

# The rooms have few roots, and they are known: main, and the control tool.
unknown_roots() {
    # shellcheck disable=SC2086 # a list of words
    find $order -name '*.c' | while read -r file; do
        case $file in server/main.c | admin/openfire_s2sctl.c) continue ;; esac
        [ -e "${file%.c}.h" ] || echo "  $file"
    done
}

without_header_comment() {
    sources -name '*.c' | while read -r file; do
        awk 'FNR == 2 && /^\/\*/ { begun = 1 }
             begun && /\*\// { long_enough = FNR >= 4; exit }
             END { exit !long_enough }' "$file" || echo "  $file"
    done
}

without_spdx() {
    sources -name '*.c' | while read -r file; do
        [ "$(head -n 1 "$file")" = '/* SPDX-License-Identifier: Apache-2.0 */' ] || echo "  $file"
    done
    texts \( -name '*.sh' -o -name '*.py' -o -name Makefile -o -path './.ci/*' \) | while read -r file; do
        head -n 3 "$file" | grep -q '^# SPDX-License-Identifier: Apache-2.0$' || echo "  $file"
    done
}

too_long_files() {
    sources | while read -r file; do
        lines=$(wc -l <"$file")
        [ "$lines" -le 600 ] || echo "  $file: $lines"
    done
}

# K&R: the braces of a function are the ones in the first column.
too_long_functions() {
    sources -name '*.c' | while read -r file; do
        awk -v file="$file" '/^\{/ { start = FNR }
            /^\}/ && start { if (FNR - start > 80) print "  " file ":" start ": " FNR - start; start = 0 }' "$file"
    done
}

lines_with() { # PATTERN [FIND-TEST...]
    pattern=$1
    shift
    texts ! -name LICENSE "$@" | while read -r file; do
        grep -InE -- "$pattern" "$file" /dev/null | cut -c1-140 | sed 's/^/  /'
    done
}

rule "includes that point to the right of $order" "$(includes_to_the_right)"
rule "includes without their folder" "$(lines_with '^ *# *include "[^/"]*"' -name '*.[ch]')"
rule "a .c without a .h in a room" "$(unknown_roots)"
rule "no SPDX line" "$(without_spdx)"
rule "no comment at the head that tells what the file is for" "$(without_header_comment)"
rule "files over 600 lines: what in them is a room of its own?" "$(too_long_files)"
rule "functions over 80 lines" "$(too_long_functions)"
rule "left undone" "$(lines_with '\b(TOD[O]|FIXM[E]|XX[X])\b')"
rule "paths and names that exist on one machine only" \
    "$(lines_with '/(hom[e]|roo[t]|wor[k]|far[m])/[a-zA-Z0-9_.]|\.librar[y]\b|far[m]-(studio|bench)|before-sto[p]')"

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
