#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""exchange.py - two users on two servers, logged in with slixmpp, say everything to each other that must pass

    exchange.py FAR-JID FAR-HOST BEHIND-JID BEHIND-HOST ROOM [BOT]
    exchange.py FAR-JID FAR-HOST BOT            for the demo: two messages to the bot, and its answers

Pings, a subscription with its presence, 100 messages each way, a chat room where both say 100 things; and a BOT, which is to send each
message back. A JSON line for each step: what, good, text. Ends by itself after 100 seconds.
"""
import asyncio
import json
import sys
import xml.etree.ElementTree as ET

import slixmpp

COUNT = 100


def say(step, good, text=""):
    print(json.dumps({"question": step, "good": bool(good), "text": str(text)}), flush=True)


class User(slixmpp.ClientXMPP):
    def __init__(self, jid, host):
        super().__init__(jid + "/test", "password", sasl_mech="PLAIN")
        self.host = host
        self.auto_authorize = self.auto_subscribe = True
        self.chats, self.room, self.presences = [], [], asyncio.Queue()
        self.changed = asyncio.Event()
        self.add_event_handler("message", self.take)
        self.add_event_handler("presence_available", lambda presence: self.presences.put_nowait(str(presence["from"])))
        self.add_event_handler("failed_auth", lambda _: (say("log in " + jid, False), sys.exit(1)))

    def take(self, message):
        if message["type"] in ("chat", "normal"):
            self.chats.append((str(message["from"].bare), message["body"]))
            self.changed.set()
        elif message["type"] == "groupchat" and message["body"]:
            self.room.append((message["from"].resource, message["body"]))
            self.changed.set()

    async def log_in(self):
        ready = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", lambda _: ready.done() or ready.set_result(True))
        self["feature_mechanisms"].unencrypted_plain = True
        self.connect((self.host, 5222), use_ssl=False, force_starttls=False, disable_starttls=True)
        await asyncio.wait_for(ready, 30)
        await self.get_roster()
        self.send_presence()

    async def wait(self, condition, limit=40):
        end = asyncio.get_running_loop().time() + limit
        while not condition():
            self.changed.clear()
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(self.changed.wait(), min(left, 1))
            except asyncio.TimeoutError:
                pass
        return True

    async def ping(self, domain):
        iq = self.Iq()
        iq["type"], iq["to"] = "get", domain
        iq.xml.append(ET.fromstring("<ping xmlns='urn:xmpp:ping'/>"))
        try:
            return (await iq.send(timeout=30))["type"]
        except slixmpp.exceptions.IqError as error:
            return "error " + error.condition
        except slixmpp.exceptions.IqTimeout:
            return "no answer"


async def chat(one, other, name):
    """100 messages; in order, none lost, none twice."""
    for number in range(COUNT):
        one.send_message(mto=other.boundjid.full, mbody="%s-%d" % (name, number), mtype="chat")
    wanted = [(one.boundjid.bare, "%s-%d" % (name, number)) for number in range(COUNT)]
    await other.wait(lambda: len([each for each in other.chats if each[0] == one.boundjid.bare]) >= COUNT)
    got = [each for each in other.chats if each[0] == one.boundjid.bare]
    say(name, got == wanted, "%d came%s" % (len(got), "" if got == wanted else ": " + repr(got[:5])))


async def join(user, room, nick):
    presence = user.make_presence(pto="%s/%s" % (room, nick))
    presence.xml.append(ET.fromstring("<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>"))
    presence.send()
    while True:
        if await asyncio.wait_for(user.presences.get(), 30) == "%s/%s" % (room, nick):
            break


async def talk_in_room(far, behind, room):
    await join(behind, room, "behind")
    config = behind.Iq()
    config["type"], config["to"] = "set", room
    config.xml.append(ET.fromstring("<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>"))
    try:
        await config.send(timeout=20)  # an instant room
    except slixmpp.exceptions.XMPPError:
        pass
    await join(far, room, "far")
    say("join", True)
    for number in range(COUNT):
        for user in (far, behind):
            user.send_message(mto=room, mbody="%s-%d" % ("far" if user is far else "behind", number), mtype="groupchat")
        await asyncio.sleep(0)
    for user, name in ((far, "far"), (behind, "behind")):
        await user.wait(lambda: len(user.room) >= 2 * COUNT)
        good = all([body for nick, body in user.room if nick == who] == ["%s-%d" % (who, number) for number in range(COUNT)]
                   for who in ("far", "behind"))
        say("room seen by " + name, good and len(user.room) == 2 * COUNT, "%d came" % len(user.room))


async def run(far_jid, far_host, behind_jid, behind_host, room, bot=None):
    far, behind = User(far_jid, far_host), User(behind_jid, behind_host)
    await far.log_in()
    await behind.log_in()
    say("ping to behind", await far.ping(behind.boundjid.domain) == "result")
    say("ping to far", await behind.ping(far.boundjid.domain) == "result")
    far.send_presence_subscription(pto=behind_jid)
    try:
        while await asyncio.wait_for(far.presences.get(), 30) != behind.boundjid.full:
            pass
        say("subscription", True)
    except asyncio.TimeoutError:
        say("subscription", False, "no presence came")
    await chat(far, behind, "to-behind")
    await chat(behind, far, "to-far")
    await talk_in_room(far, behind, room)
    if bot:
        for user, name in ((far, "far"), (behind, "behind")):
            for number in range(COUNT):
                user.send_message(mto=bot, mbody="bot-%d" % number, mtype="chat")
            domain = bot.split("@")[1]
            await user.wait(lambda: len([each for each in user.chats if each[0].endswith(domain)]) >= COUNT)
            got = [each[1] for each in user.chats if each[0].endswith(domain)]
            say("bot answers " + name, got == ["bot-%d" % number for number in range(COUNT)], "%d came" % len(got))
    far.disconnect()
    behind.disconnect()


async def greet(jid, host, bot):
    user = User(jid, host)
    await user.log_in()
    for body in ("Hello, is anybody there?", "Thank you."):
        user.send_message(mto=bot, mbody=body, mtype="chat")
        good = await user.wait(lambda: any(each[1] == body for each in user.chats))
        say("%s says to %s, and gets back" % (jid, bot), good, body)
    user.disconnect()


def main():
    act = greet if len(sys.argv) == 4 else run
    try:
        asyncio.get_event_loop().run_until_complete(asyncio.wait_for(act(*sys.argv[1:]), 100))
    except Exception as error:  # the last line says what was wrong
        say("exchange", False, "%s: %s" % (type(error).__name__, error))


if __name__ == "__main__":
    main()
