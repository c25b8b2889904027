"""Asks fail2ban itself (a checkout or Debian's package, never part of edgeban) what it makes of its own sample logs.

  f2b-corpus.py CHECKOUT [--first-match]

Prints JSON lines: {"key", "conf"} once for each filter with its options, as fail2ban's reader expands it, then for each
sample line {"key", "text", "time", "status", "failures", "hits"}. `time` is null unless the line comes from a journal.
"""
import json, os, re, sys
from f2b_judge import CHECKOUT, FileContainer, NOW, make_filter, read_conf, verdict

first_match = '--first-match' in sys.argv
LOGS = os.path.join(CHECKOUT, 'fail2ban/tests/files/logs')
OWN = os.path.join(CHECKOUT, 'config')
EXTRA = os.path.join(CHECKOUT, 'fail2ban/tests/config')


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
            self.judges[key] = make_filter(conf, first_match)
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
