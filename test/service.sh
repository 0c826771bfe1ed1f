#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# service.sh - the inside of service.py's own systemd: in new namespaces, makes a root with an installed service, becomes its systemd
#
#   service.sh STAGE PREFIX RESULTS DRIVE
#
# STAGE is what `make install DESTDIR=STAGE PREFIX=PREFIX` made, PREFIX below /opt; RESULTS a directory with the settings and a
# drop-in, where the outside looks for what came of it; DRIVE a command that uses systemctl, started while systemd begins.
# All mounts are of this namespace: /etc is a copy, /opt, /var/lib and /run are empty ones. The only units are ours and stubs of
# the targets that it names, so nothing else of this machine is started.
set -eu
stage=$1 prefix=$2 results=$3 drive=$4
mount --make-rprivate /
cp -a /etc "$results/etc"
mount --bind "$results/etc" /etc
mount -t tmpfs tmpfs /opt
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /run
mkdir -p /run/units/openfire-s2s.service.d
# systemd must see no cgroups but those below ours
if [ -d /sys/fs/cgroup/systemd ]; then
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    mount -o remount,ro tmpfs /sys/fs/cgroup # nor those of other hierarchies, which it would mount
else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
cp -a "$stage$prefix" /opt/
cp -a "$stage/etc/openfire-s2s" /etc/
cp "$prefix/lib/systemd/system/openfire-s2s.service" /run/units/
cp "$results/drop-in.conf" /run/units/openfire-s2s.service.d/
cp "$results/openfire-s2s.conf" /etc/openfire-s2s/
systemd-sysusers "$prefix/lib/sysusers.d/openfire-s2s.conf"
systemd-tmpfiles --create "$prefix/lib/tmpfiles.d/openfire-s2s.conf"
for target in sysinit basic shutdown network-online nss-lookup umount final local-fs multi-user; do
    printf '[Unit]\nDefaultDependencies=no\n' >"/run/units/$target.target"
done
export SYSTEMD_UNIT_PATH=/run/units container=openfire-s2s-test
sh -c "$drive" </dev/null >"$results/drive.log" 2>&1 &
exec /lib/systemd/systemd --system --unit=basic.target --log-target=console --show-status=no
