"""Asks fail2ban's own date detector (a checkout, never part of edgeban).

  f2b-dates.py CHECKOUT < questions

A question is a JSON line {"datepattern", "logtimezone", "now", "lines"}; the answer one JSON line: an `error` of the
pattern, or `dates`, for each line [start, end, time, template], or null where there is no date. `time` is null for a date
that cannot be, and "error" where fail2ban drops the line.
"""
import json, logging, os, sys, time

os.environ['TZ'] = 'CET-01CEST-02,M3.5.0,M10.5.0'
time.tzset()
sys.path.insert(0, sys.argv[1])
logging.disable(logging.CRITICAL)
from fail2ban.server.mytime import MyTime
from fail2ban.server.filter import Filter
from fail2ban.server.utils import Utils
from fail2ban.server import datedetector


def detector(question):
    datedetector.DD_patternCache = Utils.Cache(maxCount=1000, maxTime=3600)
    judge = Filter(None)
    if question.get('datepattern'): judge.setDatePattern(question['datepattern'])
    if question.get('logtimezone'): judge.setLogTimeZone(question['logtimezone'])
    return judge.dateDetector


def read(dates, line):
    match, template = dates.matchTime(line)
    if not match: return None
    start, end = match.span(1)
    try:
        found = dates.getTime(line[start:end], (match, template))
        when = found and found[0]
    except Exception:
        when = 'error'
    return [start, end, when, template.name]


for row in sys.stdin:
    question = json.loads(row)
    MyTime.setTime(question['now'])
    try:
        dates = detector(question)
        answer = {'dates': [read(dates, line) for line in question['lines']]}
    except Exception as error:
        answer = {'error': str(error)}
    print(json.dumps(answer))
