# SPDX-License-Identifier: Apache-2.0
"""ports.py - free ports below those that the kernel gives to connections, which might take one between our look and its use"""
import random
import socket


def free_ports(count, address="127.0.0.1"):
    found = []
    while len(found) < count:
        port = random.randrange(10000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found
