"""fail2ban's own verdicts (argv[1]: a checkout of 1.1.0, never part of edgeban): one JSON a line in, one JSON a line out.

  {"ask": "conf", "base", "name", "options"}                     the filter's conf, as fail2ban's reader expands it
  {"ask": "judge", "conf", "all", "usedns", "mode", "findtime", "lines": [{"text", "now", "time"?}]}
                                                                 a verdict for each line; "text" holds bytes as latin-1
Names are resolved from a table of our own (`addresses`), never over a network.
"""
import datetime, json, os, signal, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../filter'))
import f2b_judge as f2b
from fail2ban.server.ipdns import DNSUtils, IPAddr

SECONDS_MAX = 3


class TooLong(BaseException):
    """Not an Exception: fail2ban catches those."""


def ring(*_):
    raise TooLong()


def addresses(name):
    """Also in test/fuzz/ours.ts: no address, one, or two, by the length of the name."""
    size = len(name.encode('utf-8'))
    return ['198.51.100.%d' % (size % 200 + i) for i in range(size % 3)]


DNSUtils.dnsToIp = staticmethod(lambda name: [IPAddr(one) for one in addresses(name)])


def text_of_group(value):
    return sorted(map(str, value)) if isinstance(value, (set, list)) else str(value)


def family(id):
    return {2: 4, 10: 6}.get(id.family) if isinstance(id, IPAddr) else None


def make(question):
    judge = f2b.make_filter({**question['conf'], 'usedns': question['usedns']}, not question['all'])
    judge.returnRawHost = False
    judge.checkFindTime = question['mode'] != 'unchecked'
    judge.inOperation = question['mode'] == 'operation'
    judge.setFindTime(question['findtime'])
    judge.ids = []
    original = judge.processLine
    def remember(line, date):
        found = original(line, date)
        judge.ids = [family(id) for _, id, _, data in found if id is not None and not data.get('nofail')]
        return found
    judge.processLine = remember
    return judge


def local(time):
    return datetime.datetime.fromtimestamp(time).isoformat() + ' '


def one(judge, line):
    f2b.MyTime.setTime(line['now'])
    text = f2b.FileContainer.decode_line('fuzz', 'UTF-8', line['text'].encode('latin-1')).rstrip('\r\n')
    date = line.get('time')
    signal.setitimer(signal.ITIMER_PROF, SECONDS_MAX)
    try:
        said = f2b.verdict(judge, text if date is None else ('', local(date), text), date, text_of_group)
        for failure, kind in zip(said['failures'], judge.ids):
            failure['family'] = kind
            if judge.checkFindTime: failure['time'] = min(failure['time'], line['now'])
        return said
    except TooLong:
        return {'status': 'too long'}
    except Exception as error:
        return {'status': 'error', 'error': '%s: %s' % (type(error).__name__, error)}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def judge(question):
    judge = make(question)
    said = []
    for line in question['lines']:
        said.append(one(judge, line))
        # what a verdict that was broken off leaves behind is not known
        if said[-1]['status'] == 'too long': break
    return said


questions = {'conf': lambda q: f2b.read_conf(q['name'], q['options'], q['base']), 'judge': judge}

# of the process' own time: on a busy machine, a slow verdict is still a verdict
signal.signal(signal.SIGPROF, ring)
for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = {'value': questions[question['ask']](question)}
    except Exception as error:
        answer = {'error': '%s: %s' % (type(error).__name__, error)}
    print(json.dumps(answer), flush=True)
