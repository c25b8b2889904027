"""fail2ban's own CommandAction: which commands does it execute for an action.d file? JSON in on stdin, JSON out."""
import json
import logging
import os
import sys

sys.path.insert(0, os.environ["FAIL2BAN"])
logging.disable(logging.CRITICAL)

from fail2ban.client.actionreader import ActionReader  # noqa: E402
from fail2ban.server.action import CommandAction  # noqa: E402
from fail2ban.server.ipdns import DNSUtils  # noqa: E402
from fail2ban.server.jail import Jail  # noqa: E402
from fail2ban.server.mytime import MyTime  # noqa: E402
from fail2ban.server.ticket import BanTicket  # noqa: E402
import fail2ban.server.action as action_module  # noqa: E402

DNSUtils.getHostname = staticmethod(lambda fqdn=True: "host.example" if fqdn else "host")
DNSUtils.ipToName = staticmethod(lambda ip: "ptr.example")
action_module.allowed_ipv6 = lambda: True


def made(asked, jail):
    reader = ActionReader(asked["file"], jail.name, dict(asked["options"]), basedir=asked["dir"])
    if not reader.read():
        raise ValueError("no such action")
    reader.getOptions({"logpath": "/nowhere"})
    name = None
    for command in reader.convert():
        if command[0] == "set" and command[2] == "addaction":
            name = command[3]
            jail.actions.add(name)
        elif command[0] == "multi-set":
            for key, value in command[4]:
                setattr(jail.actions[name], key, value)
        elif command[0] == "set":
            setattr(jail.actions[name], command[4], command[5])
    return jail.actions[name]


def ticket_of(ban):
    ticket = BanTicket(ban["id"], float(ban["at"]), list(ban["matches"]), dict(ban["groups"]))
    ticket.setBanTime(ban["bantime"])
    ticket.setBanCount(ban["count"])
    ticket.setAttempt(ban["failures"])
    return ticket


def run(asked):
    MyTime.setTime(float(asked["now"]))
    jail = Jail("web", backend="polling")
    jail.actions.setBanTime(600)
    done = []
    results = list(asked["results"])

    def execute(command, timeout=60, **_):
        if not command:
            return True
        done.append(command if isinstance(command, list) else [command])
        return results.pop(0) if results else True

    CommandAction.executeCmd = staticmethod(execute)
    action = made(asked, jail)
    for step in asked["steps"]:
        try:
            # as fail2ban's Actions asks
            if step["do"] == "flush" and not action.actionflush:
                continue
            if step["do"] in ("start", "stop", "flush"):
                getattr(action, step["do"])()
            elif step["do"] == "check":
                action.consistencyCheck()
            elif step["do"] != "prolong" or action._prolongable:
                getattr(action, step["do"])(jail.actions._getActionInfo(ticket_of(step["ban"])))
        except Exception as error:  # noqa: BLE001
            done.append(["!", type(error).__name__])
    return done


def answer(asked):
    try:
        return run(asked)
    except Exception as error:  # noqa: BLE001
        return {"error": str(error)}


print(json.dumps([answer(asked) for asked in json.load(sys.stdin)]))
