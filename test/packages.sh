#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# packages.sh - the Debian packages that this project needs, and their installation
#
#   packages.sh check SET...      tells in one line what is missing; on another system it says nothing
#   packages.sh install SET...    installs what is missing, if that can be done here
#
# A SET is `build` (to build and run) or `test` (what the tests need in addition). The tests start
# XMPP servers of their own in network namespaces: while packages are installed, a policy-rc.d keeps
# Debian from starting them as services of this machine, and those that are new are disabled, so
# that they do not take our port after the next boot.
# Another system: install the same things by its own means, then say `make PACKAGES=installed ...`.
set -u

packages_build="gcc make libc6-dev libxml2-dev libssl-dev libiniparser-dev libunbound-dev libidn-dev libjansson-dev libmicrohttpd-dev dns-root-data ca-certificates"
packages_test="libcmocka-dev clang prosody ejabberd jabberd2 python3 python3-slixmpp python3-cryptography python3-lxml openssl nsd ldnsutils dnsmasq-base iproute2 spin libexpat1-dev prometheus systemd python3-seccomp mandoc chromium chromium-driver fonts-dejavu-core"
servers="prosody ejabberd jabberd2 nsd prometheus"
policy=${POLICY_RC_D:-/usr/sbin/policy-rc.d}

# clang_runtime - the package of clang's sanitizers: it carries the major number of this Debian's clang
clang_runtime() {
    version=$(dpkg-query -W -f '${Version}' clang 2>/dev/null)
    [ -n "$version" ] || version=$(apt-cache show --no-all-versions clang 2>/dev/null |
        sed -n 's/^Version: //p')
    version=${version#*:}
    [ -z "$version" ] || echo "libclang-rt-${version%%.*}-dev"
}

# wanted SET... - all packages of these sets
wanted() {
    for set in "$@"; do
        case $set in
        build) echo "$packages_build" ;;
        test) echo "$packages_test $(clang_runtime)" ;;
        *) echo "packages.sh: no set is called $set" >&2 && exit 2 ;;
        esac
    done
}

# missing SET... - those of them that are not installed, in one line
missing() {
    packages=$(wanted "$@") || exit 2
    # shellcheck disable=SC2086 # a list of words
    present=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' $packages 2>/dev/null)"
    for package in $packages; do
        case $present in
        *" installed:$package "*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

# services_stay_off PACKAGE... - puts our policy-rc.d in the place of what was there, for these to be installed
services_stay_off() {
    new=" $* "
    trap services_as_before EXIT
    trap 'exit 130' HUP INT TERM
    if [ -e "$policy" ] && [ ! -e "$policy.before-openfire-s2s" ]; then
        mv "$policy" "$policy.before-openfire-s2s"
    fi
    printf '#!/bin/sh\n# openfire-s2s: packages.sh is installing; gone when it ends\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

# services_as_before - the same back, on every way out; only the new servers are disabled
services_as_before() {
    for package in $servers; do
        case $new in *" $package "*) disable_services "$package" >/dev/null 2>&1 ;; esac
    done
    rm -f "$policy"
    if [ -e "$policy.before-openfire-s2s" ]; then
        mv "$policy.before-openfire-s2s" "$policy"
    fi
}

# disable_services PACKAGE - none of its services starts with the machine
disable_services() {
    dpkg-query -L "$1" | sed -n 's|.*/systemd/system/\([^/]*\.service\)$|\1|p; s|^/etc/init\.d/||p' |
        while read -r service; do
            case $service in
            *.service) systemctl disable "$service" ;;
            *) update-rc.d "$service" disable ;;
            esac
        done
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 "$@" </dev/null
}

# install_missing SET... - says what it installs; package lists that are absent or too old are fetched once
install_missing() {
    lacking=$(missing "$@")
    [ -n "$lacking" ] || return 0
    echo "Debian packages are missing and will be installed now: $lacking"
    # shellcheck disable=SC2086 # a list of words
    set -- install --no-install-recommends $lacking
    apt_get "$@" || { apt_get update && apt_get "$@"; }
}

action=$1
shift
[ "${PACKAGES:-check}" != installed ] || exit 0
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    [ "$action" = install ] || exit 0
    all=$(wanted "$@" | tr '\n' ' ')
    echo "Not Debian. Install what Debian calls: $all- then say it again with PACKAGES=installed" >&2
    exit 1
fi
lacking=$(missing "$@") || exit 2
[ -n "$lacking" ] || exit 0
if [ "$action" = check ] || [ "$(id -u)" -ne 0 ]; then
    echo "Packages are missing. As root: apt-get install --no-install-recommends $lacking" >&2
    exit 1
fi
# shellcheck disable=SC2086 # a list of words
services_stay_off $lacking
# Twice: perhaps only now that clang is there its version is known, and so the name of its runtime.
install_missing "$@" && install_missing "$@"
lacking=$(missing "$@")
[ -z "$lacking" ] || {
    echo "Could not be installed: $lacking" >&2
    exit 1
}
