"""fail2ban's own filter for the oracles of the tests: read from its configuration, made, and asked about lines.

Imported by programs whose first argument is a checkout of fail2ban 1.1.0 (or Debian's package), never part of edgeban.
"""
import logging, os, sys, time, warnings

sys.dont_write_bytecode = True
CHECKOUT = sys.argv[1]
os.environ['TZ'] = 'CET-01CEST-02,M3.5.0,M10.5.0'
time.tzset()
NOW = 1124013600
sys.path.insert(0, CHECKOUT)
warnings.simplefilter('ignore')
logging.disable(logging.CRITICAL)
from fail2ban.server.mytime import MyTime
MyTime.setAlternateNow(NOW)
from fail2ban.server.filter import Filter, FileContainer
from fail2ban.client.filterreader import FilterReader
MyTime.setTime(NOW)

PLACE = {'prefregex': 'prefregex', 'maxlines': 'maxlines', 'usedns': 'usedns', 'datepattern': 'datepattern',
         'logtimezone': 'logtimezone', 'addfailregex': 'failregex', 'addignoreregex': 'ignoreregex'}


def read_conf(name, options, base):
    reader = FilterReader(name, 'jail', dict(options), share_config={}, basedir=base)
    assert reader.read(), name
    reader.applyAutoOptions('')
    reader.getOptions({})
    conf = {'failregex': [], 'ignoreregex': []}
    for command in reader.convert():
        place = PLACE.get(command[2])
        for value in command[3] if command[0] == 'multi-set' else command[3:4]:
            if place in ('failregex', 'ignoreregex'): conf[place].append(value)
            elif place: conf[place] = value
    return conf


def make_filter(conf, first_match):
    judge = Filter(None)
    judge.returnRawHost, judge.checkAllRegex, judge.checkFindTime, judge.active = True, not first_match, False, True
    if 'usedns' in conf: judge.setUseDns(conf['usedns'])
    if conf.get('prefregex'): judge.prefRegex = conf['prefregex']
    if 'maxlines' in conf: judge.setMaxLines(int(conf['maxlines']))
    for regex in conf['failregex']: judge.addFailRegex(regex)
    for regex in conf['ignoreregex']: judge.addIgnoreRegex(regex)
    if conf.get('datepattern'): judge.setDatePattern(conf['datepattern'])
    if conf.get('logtimezone'): judge.setLogTimeZone(conf['logtimezone'])
    judge.ignored = False
    def note(*_): judge.ignored = True
    judge.onIgnoreRegex = note
    return judge


def text_of(match):
    return match if isinstance(match, str) else ''.join(match)


def plain(value):
    if isinstance(value, (set, tuple, list)): return sorted(map(str, value))
    return value if isinstance(value, str) else str(value)


HIDDEN = ('matches', 'nofail-matches', 'mlfpending')


def verdict(judge, line, date, plain=plain):
    judge.ignored = False
    regexes = judge._Filter__failRegex
    for regex in regexes: regex._matchCache = None
    failures = []
    for index, id, when, data in judge.processLine(line, date):
        if id is None or data.get('nofail'): continue
        groups = {k: plain(v) for k, v in data.items() if v is not None and k not in HIDDEN}
        failures.append({'id': str(id), 'ip': str(data.get('ip', id)), 'time': when, 'regex': index, 'groups': groups,
                         'matches': [text_of(m) for m in data.get('matches', [])]})
    hits = [i for i, regex in enumerate(regexes) if regex._matchCache]
    status = 'match' if failures else 'ignored' if judge.ignored else 'hit' if hits else 'missed'
    return {'status': status, 'failures': failures, 'hits': hits}
