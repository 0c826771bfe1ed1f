#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bot.py - a component (XEP-0114) with slixmpp that sends every message back: bot.py DOMAIN SECRET HOST PORT"""
import asyncio
import sys

import slixmpp


class Bot(slixmpp.ComponentXMPP):
    def __init__(self, domain, secret, host, port):
        super().__init__(domain, secret, host, int(port))
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.add_event_handler("message", self.answer)
        self.add_event_handler("session_start", lambda _: print("connected", flush=True))

    @staticmethod
    def answer(message):
        if message["type"] in ("chat", "normal") and message["body"]:
            message.reply(message["body"]).send()


if __name__ == "__main__":
    bot = Bot(*sys.argv[1:])
    bot.connect()
    asyncio.get_event_loop().run_forever()
