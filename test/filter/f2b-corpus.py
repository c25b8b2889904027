"""Asks fail2ban itself (a checkout or Debian's package, never part of edgeban) what it makes of its own sample logs.

  f2b-corpus.py CHECKOUT [--first-match]

Prints JSON lines: {"key", "conf"} once for each filter with its options, as fail2ban's reader expands it, then for each
sample line {"key", "text", "time", "status", "failures", "hits"}. `time` is null unless the line comes from a journal.
"""
import json, logging, os, re, sys, time, warnings

checkout, first_match = sys.argv[1], '--first-match' in sys.argv
os.environ['TZ'] = 'CET-01CEST-02,M3.5.0,M10.5.0'
time.tzset()
NOW = 1124013600
sys.path.insert(0, checkout)
warnings.simplefilter('ignore')
logging.disable(logging.CRITICAL)
from fail2ban.server.mytime import MyTime
MyTime.setAlternateNow(NOW)
from fail2ban.server.filter import Filter, FileContainer
from fail2ban.client.filterreader import FilterReader
MyTime.setTime(NOW)

LOGS = os.path.join(checkout, 'fail2ban/tests/files/logs')
OWN = os.path.join(checkout, 'config')
EXTRA = os.path.join(checkout, 'fail2ban/tests/config')
PLACE = {'prefregex': 'prefregex', 'maxlines': 'maxlines', 'usedns': 'usedns', 'datepattern': 'datepattern',
         'logtimezone': 'logtimezone', 'addfailregex': 'failregex', 'addignoreregex': 'ignoreregex'}


def read_conf(name, options, base):
    reader = FilterReader(name, 'jail', dict(options), share_config={}, basedir=base)
    assert reader.read(), name
    reader.getOptions({})
    conf = {'failregex': [], 'ignoreregex': []}
    for command in reader.convert():
        place = PLACE.get(command[2])
        for value in command[3] if command[0] == 'multi-set' else command[3:4]:
            if place in ('failregex', 'ignoreregex'): conf[place].append(value)
            elif place: conf[place] = value
    return conf


def make_filter(conf):
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


def verdict(judge, line, date):
    judge.ignored = False
    regexes = judge._Filter__failRegex
    for regex in regexes: regex._matchCache = None
    failures = []
    for index, id, when, data in judge.processLine(line, date):
        if id is None or data.get('nofail'): continue
        groups = {k: plain(v) for k, v in data.items() if v is not None and k not in ('matches', 'nofail-matches', 'mlfpending')}
        failures.append({'id': str(id), 'ip': str(data.get('ip', id)), 'time': when, 'regex': index, 'groups': groups,
                         'matches': [text_of(m) for m in data.get('matches', [])]})
    hits = [i for i, regex in enumerate(regexes) if regex._matchCache]
    status = 'match' if failures else 'ignored' if judge.ignored else 'hit' if hits else 'missed'
    return {'status': status, 'failures': failures, 'hits': hits}


def lines_of(file):
    container = FileContainer(os.path.join(LOGS, file), 'UTF-8', doOpen=True)
    container.waitForLineEnd = False
    return iter(container)


class Corpus:
    def __init__(self, name, base):
        self.name, self.base, self.judges = name, base, {}
        self.options, self.common = [{}], {}

    def set_options(self, given):
        sets = [{**self.common, **one} for one in (given if isinstance(given, list) else [given])]
        holds = lambda one: eval(one['test.condition'], {'name': self.name}) if one.get('test.condition') else True
        self.options = [one for one in sets if holds(one)]

    def judge(self, options):
        own = {k: v for k, v in options.items() if not k.startswith('test.')}
        key = self.name + ' ' + (options.get('test.filter-name') or str(own))
        if key not in self.judges:
            conf = read_conf(self.name, own, self.base)
            self.judges[key] = make_filter(conf)
            print(json.dumps({'key': key, 'conf': conf}))
        return key, self.judges[key]

    def line(self, line, expected):
        for options in self.options:
            constraint = expected.get('constraint')
            if constraint and not eval(constraint, {'name': self.name, 'opts': options}): continue
            key, judge = self.judge(options)
            date, arg = None, line
            if options.get('logtype') == 'journal':
                line = options.get('test.prefix-line', '') + line
                date, arg = NOW, ('', '2005-08-14T12:00:00 ', line)
            print(json.dumps({'key': key, 'text': line, 'time': date, **verdict(judge, arg, date)}))

    def file(self, file):
        lines, more = lines_of(file), []
        for line in lines:
            directive = re.match(r'^#+ ?(failJSON|(?:file|filter)Options|addFILE):(.+)$', line)
            if not directive:
                if self.options and line.strip() and not line.startswith('#'): self.line(line.rstrip('\r\n'), {})
                continue
            kind, value = directive.group(1), json.loads(directive.group(2))
            if kind == 'fileOptions': self.common = value
            elif kind == 'addFILE': more.append(value)
            elif kind == 'filterOptions': self.set_options(value)
            else:
                line = next(lines)
                if self.options: self.line(line.rstrip('\r\n'), value)
        for one in more: self.file(one)


for base, wanted in ((OWN, lambda n: not n.endswith('common')), (EXTRA, lambda n: n.startswith('zzz-'))):
    for name in sorted(f[:-5] for f in os.listdir(os.path.join(base, 'filter.d')) if f.endswith('.conf')):
        if wanted(name) and os.path.isfile(os.path.join(LOGS, name)): Corpus(name, base).file(name)
