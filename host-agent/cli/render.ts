/** Answers in the words of fail2ban's client, byte for byte: scripts and exporters read them. */
import { isList, type ReplyError, type ReplyValue } from '../control/framing.ts';
import { repr, str } from './python.ts';
import { renderStats } from './render-stats.ts';
import { renderJailStatus, renderOverview } from './render-status.ts';

/** What the client prints for the answer `value` to the command `words`. */
export function render(words: readonly string[], value: ReplyValue): string {
  const [first, second] = words;
  switch (first) {
    case 'ping':
      return `Server replied: ${str(value)}`;
    case 'stop':
      return words.length === 1 || second === '--unban' ? 'Shutdown successful' : str(value);
    case 'flushlogs':
      return `logs: ${str(value)}`;
    case 'echo':
      return isList(value) ? value.map(str).join(' ') : str(value);
    case 'status':
      return renderStatus(words, value);
    case 'stats':
    case 'statistics':
      return renderStats(value);
    case 'get':
      return renderGet(words, value);
    case 'set':
      return renderSet(words, value);
    default:
      return str(value);
  }
}

/** What the client prints on stdout for an error; its stderr has `NOK: (…)`. */
export function renderError(error: ReplyError): string {
  return error.message;
}

function renderStatus(words: readonly string[], value: ReplyValue): string {
  const [, name, flavor] = words;
  if (flavor === 'stats') return repr(value);
  return name === undefined || name === '--all' ? renderOverview(value) : renderJailStatus(name, value);
}

function renderGet(words: readonly string[], value: ReplyValue): string {
  const [, name = '', what, separator] = words;
  if (what === undefined) return renderGlobal(name, value);
  if (what === 'logencoding') return `Current log encoding is set to:\n${str(value)}`;
  if (!isList(value)) return str(value);
  const items = value.map(str);
  switch (what) {
    case 'logpath':
      return tree(items, 'Current monitored log file(s):', 'No file is currently monitored');
    case 'ignoreip':
      return tree(items, 'These IP addresses/networks are ignored:', 'No IP address/network is ignored');
    case 'failregex':
    case 'ignoreregex':
      return tree(numbered(items), 'The following regular expression are defined:', 'No regular expression is defined');
    case 'journalmatch':
      return journalMatch(value);
    case 'actions':
      if (items.length === 0) return `No actions for jail ${name}`;
      return `The jail ${name} has the following actions:\n${items.join(', ')}`;
    case 'banip':
      return items.join(separator === '--with-time' ? '\n' : (separator ?? ' '));
    default:
      return repr(value);
  }
}

/** fail2ban answers what stands now, and prints it as `get` does. */
function renderSet(words: readonly string[], value: ReplyValue): string {
  const [, name = '', what] = words;
  if (name === 'loglevel') return renderGlobal(name, value);
  if (what === 'addignoreip' || what === 'delignoreip') return renderGet(['get', name, 'ignoreip'], value);
  return str(value);
}

function renderGlobal(name: string, value: ReplyValue): string {
  switch (name) {
    case 'loglevel':
      return `Current logging level is ${repr(value)}`;
    case 'logtarget':
      return `Current logging target is:\n\`- ${str(value)}`;
    case 'dbfile':
      return value === null ? 'Database currently disabled' : `Current database file is:\n\`- ${str(value)}`;
    default:
      return str(value);
  }
}

function tree(items: readonly string[], title: string, empty: string): string {
  if (items.length === 0) return empty;
  return [title, ...items.map((item, index) => `${index === items.length - 1 ? '`-' : '|-'} ${item}`)].join('\n');
}

function numbered(items: readonly string[]): string[] {
  return items.map((item, index) => `[${index}]: ${item}`);
}

function journalMatch(matches: readonly ReplyValue[]): string {
  if (matches.length === 0) return 'No journal match filter set';
  const words = matches.map((match) => (isList(match) ? match.map(str).join(' ') : str(match)));
  return `Current match filter:\n${words.join(' + ')}`;
}
