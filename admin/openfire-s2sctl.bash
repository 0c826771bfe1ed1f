# SPDX-License-Identifier: Apache-2.0
# openfire-s2sctl.bash - completion of openfire-s2sctl for bash
#
# openfire-s2sctl itself knows what may come next, and asks the server for the domains of live sessions and the names of
# settings. What it prints is taken line by line and never expanded: names come from anybody on the internet.

_openfire_s2sctl() {
    local -a before=() line=()
    local i word command=0
    COMPREPLY=()
    # the words up to the cursor; what bash has parted at = and : is put together again
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((${#line[@]} > 0)) && [[ $word == [=:] || ${COMP_WORDS[i - 1]} == [=:] ]]; then
            line[-1]+=$word
        else
            line+=("$word")
        fi
    done
    # -c FILE and -s SOCKET before the command are for the tool; their values are file names
    while ((command < ${#line[@]} - 1)); do
        case ${line[command]} in
        -c | -s)
            if ((command == ${#line[@]} - 2)); then
                mapfile -t COMPREPLY < <(compgen -f -- "${line[-1]}")
                return
            fi
            before+=("${line[command]}" "${line[command + 1]}")
            ((command += 2))
            ;;
        --json | --color=* | --timeout=*) ((command += 1)) ;;
        *) break ;;
        esac
    done
    mapfile -t COMPREPLY < <(openfire-s2sctl "${before[@]}" --complete "${line[@]:command}" 2>/dev/null)
    # bash puts what we give behind the last = or :
    if [[ ${line[-1]} == *[=:]* ]]; then
        word=${line[-1]%"${line[-1]##*[=:]}"}
        for i in "${!COMPREPLY[@]}"; do
            COMPREPLY[i]=${COMPREPLY[i]#"$word"}
        done
    fi
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -F _openfire_s2sctl openfire-s2sctl
