#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""client.py - a user of a peer, logged in with slixmpp: asks our domain and prints what came, a JSON line for each question

    client.py JID PASSWORD HOST DOMAIN QUESTION...

Questions: ping, disco_info, disco_items, version, time, last, unknown, message, burst=N. Ends by itself after 60 seconds.
"""
import asyncio
import json
import sys
import xml.etree.ElementTree as ET

import slixmpp

PAYLOADS = {
    "ping": "<ping xmlns='urn:xmpp:ping'/>",
    "disco_info": "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "disco_items": "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    "version": "<query xmlns='jabber:iq:version'/>",
    "time": "<time xmlns='urn:xmpp:time'/>",
    "last": "<query xmlns='jabber:iq:last'/>",
    "unknown": "<query xmlns='urn:example:unknown'/>",
}


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password, sasl_mech="PLAIN")
        self.errors = asyncio.Queue()
        self.add_event_handler("message_error", lambda message: self.errors.put_nowait(message))
        self.add_event_handler("failed_auth", lambda event: self.fail("log-in refused"))
        self.add_event_handler("connection_failed", lambda event: self.fail("no connection: %s" % event))

    def fail(self, why):
        say("log_in", False, why)
        sys.exit(1)

    async def ask(self, question, domain):
        iq = self.Iq()
        iq["type"], iq["to"] = "get", domain
        iq.xml.append(ET.fromstring(PAYLOADS[question]))
        try:
            answer = await iq.send(timeout=25)
        except slixmpp.exceptions.IqError as error:
            answer = error.iq
        except slixmpp.exceptions.IqTimeout:
            return "no answer"
        return ET.tostring(answer.xml, encoding="unicode")

    async def burst(self, domain, count):
        for number in range(count):
            message = self.make_message(mto="nobody@" + domain, mbody="number %d" % number)
            message["id"] = "burst-%d" % number
            message.send()
        ids = []
        for _ in range(count):
            ids.append((await asyncio.wait_for(self.errors.get(), 25))["id"])
        return ids


def say(question, good, text):
    print(json.dumps({"question": question, "good": good, "text": text}), flush=True)


async def converse(client, domain, questions):
    await asyncio.wait_for(client.wait_until("session_start"), 30)
    for question in questions:
        try:
            if question == "message":
                client.make_message(mto="nobody@" + domain, mbody="hello").send()
                answer = await asyncio.wait_for(client.errors.get(), 25)
                say(question, True, ET.tostring(answer.xml, encoding="unicode"))
            elif question.startswith("burst="):
                say("burst", True, await client.burst(domain, int(question[6:])))
            else:
                say(question, True, await client.ask(question, domain))
        except asyncio.TimeoutError:
            say(question, False, "no answer")


def main():
    jid, password, host, domain = sys.argv[1:5]
    client = Client(jid, password)
    client["feature_mechanisms"].unencrypted_plain = True
    client.connect((host, 5222), use_ssl=False, force_starttls=False, disable_starttls=True)
    client.loop.run_until_complete(asyncio.wait_for(converse(client, domain, sys.argv[5:]), 60))
    client.disconnect()
    client.loop.run_until_complete(asyncio.sleep(0.2))


if __name__ == "__main__":
    main()
