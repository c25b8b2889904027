/** Configuration trees at random, of all constructs of the language, some of them wrong. */
import { below, oneOf } from '../random.ts';
import type { Tree } from './files.ts';

type Random = () => number;

const jailNames = ['one', 'two', 'three'];
const plainValues = [
  '5',
  '10m',
  'true',
  'x y',
  '',
  'a ; no comment here',
  'b#c',
  '100%%',
  '"q"',
  "it's",
  'ü',
  '[1]',
  'k = v',
];
const references = ['%(known/failregex)s', '%(default/base)s', '%(one/port)s', '%(base)s', '%(__name__)s', '%(port)s'];

function value(random: Random): string {
  if (random() < 0.01) return '%(Two/x)s';
  const pieces = Array.from({ length: 1 + below(random, 3) }, () =>
    oneOf(random, random() < 0.7 ? plainValues : references),
  );
  const joint = oneOf(random, [' ', '', '\n    ', '\n  # a comment\n\t', '\n\n   ']);
  return pieces.join(joint);
}

function option(random: Random, names: readonly string[]): string {
  return `${oneOf(random, names)}${oneOf(random, [' = ', '=', ': ', '   =   '])}${value(random)}\n`;
}

/** Each name once: a name that stands twice in a file is fatal to fail2ban, and tested by itself. */
function options(random: Random, names: readonly string[], most: number): string {
  const left = [...names];
  return Array.from({ length: Math.min(left.length, below(random, most + 1)) }, () => {
    const [name = ''] = left.splice(below(random, left.length), 1);
    return option(random, [name]);
  }).join(oneOf(random, ['', '\n', '; between\n']));
}

const jailOptionNames = [
  'maxretry',
  'FindTime',
  'bantime',
  'port',
  'ignoreip',
  'usedns',
  'own',
  'datepattern',
  'maxlines',
  'bantime.increment',
  'backend',
  'failregex',
  'logencoding',
  'journalmatch',
];

function jailFile(random: Random, whole: boolean): string {
  const defaults = whole
    ? 'base = B\nport = 1\nenabled = true\nfilter = %(__name__)s[mode=%(mode)s]\nmode = normal\naction = act[port="%(port)s"]\n'
    : '';
  const sections = jailNames
    .filter(() => whole || random() < 0.5)
    .map(
      (name) =>
        `[${name}]\n${options(random, jailOptionNames, 3)}${oneOf(random, ['', '', filterLine(random), actionLine(random)])}`,
    );
  const more = whole || random() < 0.5 ? '' : options(random, ['maxretry', 'mode', 'base', 'own'], 2);
  return `[DEFAULT]\n${defaults}${more}\n${sections.join('\n')}`;
}

function filterLine(random: Random): string {
  return `filter = ${oneOf(random, ['one', 'two[mode=x]', 'three[mode="y", sep=\' | \']', 'one[logtype=journal][extra=<mode>]', 'nofilter', 'two[', 'two[failregex="^given <HOST>$"]'])}\n`;
}

function actionLine(random: Random): string {
  const actions = [
    'act',
    'act[name=other, port=2]',
    'act[actname=third]',
    'other[x="a,b"]',
    'other[blocktype=DROP]',
    'noact',
    'smtp.py[dest="é"]',
    'act[chain=<known/chain>]',
  ];
  return `action = ${oneOf(random, actions)}\n   ${oneOf(random, actions)}\n`;
}

const filterNames = [
  'failregex',
  'ignoreregex',
  'prefregex',
  'datepattern',
  'maxlines',
  'journalmatch',
  'x-normal',
  'x-x',
  'logtype',
  '_pre',
];
const tagValues = [
  '^<HOST> <x-<mode>>$',
  '<_pre>\\s%(pre)s$',
  '^%(pre)s<F-USER>.*</F-USER>',
  '<sep><extra>',
  '<known/sep>',
  '<lt_<logtype>/line>',
  '%%Y-%%m',
  "_A=1 + _B='c d'",
  '^plain$\n  ^second <HOST>',
];

/** What others refer to refers to nothing itself, but for once in a while. */
function definitionValue(random: Random, name: string, values: readonly string[]): string {
  const inner = ['_pre', 'own', 'x-normal', 'x-x', 'logtype'].includes(name) && random() < 0.97;
  return inner ? oneOf(random, ['^in %%n', '<mode>', 'a', '']) : oneOf(random, values);
}

function definition(random: Random, names: readonly string[], most: number): string {
  const left = [...names];
  const lines = Array.from({ length: below(random, most + 1) }, () => {
    const [name = ''] = left.splice(below(random, left.length), 1);
    return `${name} = ${Array.from({ length: 1 + below(random, 2) }, () => definitionValue(random, name, tagValues)).join('\n  ')}\n`;
  });
  return lines.join('');
}

function filterFile(random: Random): string {
  const include = oneOf(random, [
    '',
    '[INCLUDES]\nbefore = common.conf\n',
    '[INCLUDES]\nbefore = common.conf\nafter = late.conf\n  nowhere.conf\n',
  ]);
  const init = random() < 0.6 ? `[Init]\nsep = ${oneOf(random, ['-', '<mode>', ''])}\nmode = normal\n` : '';
  return `${include}[DEFAULT]\npre = P\n[lt_file]\nline = LF\n[lt_journal]\nline = LJ<sep>\n[Definition]\nfailregex = ^base <HOST>\n${definition(random, filterNames.slice(1), 4)}${init}`;
}

const actionNames = [
  'actionstart',
  'actionban',
  'actionunban',
  'actionstop',
  'actioncheck',
  'norestored',
  'actionstart_on_demand',
  'own',
];
const actionValues = [
  'run <port> <name>',
  'x <blocktype> <ip> <matches>',
  '<own><known/chain>',
  '%(pre)s <chain>',
  'true',
  '<actname> <a<port>>',
  'echo "<F-USER>" %%s',
];

function actionFile(random: Random): string {
  const left = [...actionNames];
  const lines = Array.from({ length: 1 + below(random, 5) }, () => {
    const [name = ''] = left.splice(below(random, left.length), 1);
    return `${name} = ${Array.from({ length: 1 + below(random, 2) }, () => definitionValue(random, name, actionValues)).join('\n  ')}\n`;
  });
  const family = random() < 0.5 ? '[Init?family=inet6]\nblocktype = icmp6\n' : '';
  return `[DEFAULT]\npre = D\n[Definition]\n${lines.join('')}[Init]\nchain = INPUT\nblocktype = REJECT <chain>\n${family}`;
}

/** A tree by path, without the folder in front. */
export function randomTree(random: Random): Tree {
  const tree: Record<string, string> = { 'jail.conf': jailFile(random, true) };
  if (random() < 0.6) tree['jail.local'] = jailFile(random, false);
  if (random() < 0.4) tree['jail.d/b.conf'] = jailFile(random, false);
  if (random() < 0.3) tree['jail.d/a.local'] = jailFile(random, false);
  for (const name of jailNames) tree[`filter.d/${name}.conf`] = filterFile(random);
  if (random() < 0.5)
    tree['filter.d/one.local'] =
      `[Definition]\n${definition(random, filterNames.slice(2), 2)}failregex = %(known/failregex)s\n  ^added <HOST>\n`;
  if (random() < 0.3)
    tree['filter.d/two.d/x.conf'] = `[Init]\nsep = D\n[Definition]\n${definition(random, filterNames, 2)}`;
  tree['filter.d/common.conf'] =
    `[DEFAULT]\npre = C\n_daemon = d\n[Definition]\n${definition(random, filterNames.slice(4), 2)}`;
  if (random() < 0.5) tree['filter.d/common.local'] = '[DEFAULT]\npre = CL%%\n';
  tree['filter.d/late.conf'] = `[Definition]\n${definition(random, filterNames, 2)}`;
  tree['action.d/act.conf'] = actionFile(random);
  tree['action.d/other.conf'] = actionFile(random);
  tree['fail2ban.conf'] =
    `[DEFAULT]\nloglevel = ${oneOf(random, ['INFO', 'DEBUG'])}\nlogtarget = /var/log/x.log\n[Definition]\ndbmaxmatches = ${oneOf(random, ['10', '5'])}\n`;
  return tree;
}
