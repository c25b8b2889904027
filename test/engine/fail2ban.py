"""Answers as fail2ban itself does: runs the FailManager, observer and ban time formula of a checkout on series from stdin.

In and out is JSON: {"series": [...], "bantimes": [...]}; the test beside this file says what is in them.
"""
import json, logging, os, random, sys, types

sys.path.insert(0, os.environ['F2B_CHECKOUT'])
logging.getLogger('fail2ban').setLevel(logging.CRITICAL)
from fail2ban.server.failmanager import FailManager, FailManagerEmpty
from fail2ban.server.jail import Jail
from fail2ban.server.observer import ObserverThread
from fail2ban.server.ticket import FailTicket


def bans(manager, only=None):
    while True:
        try:
            ticket = manager.toBan(only)
        except FailManagerEmpty:
            return
        yield {'id': str(ticket.getID()), 'time': ticket.getTime(), 'retry': ticket.getRetry(),
               'failures': ticket.getAttempt(), 'matches': ticket.getMatches()}
        if only:
            return


def run(one):
    manager = FailManager()
    manager.setMaxRetry(one['maxretry'])
    manager.setMaxTime(one['findtime'])
    manager.maxMatches = one['maxmatches']
    found, purge_at = [], 0
    jail = types.SimpleNamespace(
        name='jail', isAlive=lambda: True, getBanTimeExtra=lambda option: True,
        database=types.SimpleNamespace(getBan=lambda ip, jail: [one['past'][str(ip)]] if str(ip) in one['past'] else []),
        filter=types.SimpleNamespace(failManager=manager, performBan=lambda ip: found.extend(bans(manager, ip))))
    observer = ObserverThread()
    answers = []
    for failure in one['failures']:
        found.clear()
        ticket = FailTicket(failure['id'], failure['time'], matches=list(failure['matches']))
        count = manager.addFailure(ticket)
        if count >= one['maxretry']:
            found.extend(bans(manager, ticket.getID()))
        if one['past']:
            observer.failureFound(jail, ticket)
        if failure['now'] >= purge_at:
            manager.cleanup(failure['now'])
            purge_at = failure['now'] + 5
        answers.append({'bans': list(found), 'failing': manager.size()})
    return answers


def bantime(one):
    jail = Jail.__new__(Jail)
    jail._banExtra = {}
    jail._Jail__db = object()
    for option, value in one['extra'].items():
        Jail.setBanTimeExtra(jail, option, value)
    random.random = lambda: one['random']
    return ObserverThread().calcBanTime(jail, one['bantime'], one['count'])


asked = json.load(sys.stdin)
json.dump({'series': [run(one) for one in asked['series']], 'bantimes': [bantime(one) for one in asked['bantimes']]}, sys.stdout)
