"""Answers questions with fail2ban's own code (argv[1]: a checkout of 1.1.0): one JSON a line in, one JSON a line out."""
import json, logging, math, random, resource, signal, sys

sys.path.insert(0, sys.argv[1])
import warnings
warnings.simplefilter('ignore')
logging.disable(logging.CRITICAL)
from fail2ban.client.configurator import Configurator
from fail2ban.helpers import extractOptions, splitWithOptions, substituteRecursiveTags
from fail2ban.server.mytime import MyTime


def stream(q):
    configurator = Configurator()
    configurator.setBaseDir(q['dir'])
    configurator.readAll()
    configurator.getOptions(None, {'logtarget': '/var/log/fail2ban.log'} if q.get('nologtarget') else None)
    configurator.convertToProtocol(allow_no_files=True)
    return [repr(command) for command in configurator.getConfigStream()]


class Ban:
    def __init__(self, time, count):
        self.Time, self.Count = time, count


def evaluate(q):
    value = eval(q['text'], {'math': math, 'random': random, 'ban': Ban(q['time'], q['count']), 'banFactor': q['factor']})
    if isinstance(value, int) and value.bit_length() > 1023:
        return 'too large for a float'
    return value + 0 if isinstance(value, (bool, int, float)) else repr(value)


questions = {
    'stream': stream,
    'seconds': lambda q: str(MyTime.str2seconds(q['text'])),
    'options': lambda q: list(extractOptions(q['text'])),
    'split': lambda q: [item.strip() for item in splitWithOptions(q['text'])],
    'tags': lambda q: substituteRecursiveTags(q['tags'], q['conditional'], ignore=q['ignore']),
    'evaluate': evaluate,
    'repr': lambda q: repr(q['value']),
}


def too_long(number, frame):
    raise TimeoutError('fail2ban takes too long')


# tags that lead in circles make fail2ban's texts grow without end
signal.signal(signal.SIGPROF, too_long)
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
for line in sys.stdin:
    question = json.loads(line)
    # of its own time: a busy machine is no fault of the tree's
    signal.setitimer(signal.ITIMER_PROF, 2)
    try:
        try:
            answer = {'value': questions[question['ask']](question)}
        finally:
            # it is not to ring while the answer is written
            signal.setitimer(signal.ITIMER_PROF, 0)
    except BaseException as error:
        answer = {'error': '%s: %s' % (type(error).__name__, error)}
    print(json.dumps(answer))
