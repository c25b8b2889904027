/** A story as text: first the verdict, then jail by jail what led to it, and what stands in the way of a ban. */

import type { BanStory, JailStory, LineStory, Story } from '../../shared/story.ts';
import { durationText, timeText } from '../agent/wording.ts';

const history_shown_max = 5;

export function storyText(story: Story): string[] {
  const { id, jails, guard, holders, strangers, now } = story;
  const held = jails.filter(({ ban }) => ban !== null).map(({ jail }) => jail);
  const verdict = held.length > 0 ? `is banned by ${held.join(', ')}` : `is not banned: ${obstacle(story)}`;
  return [
    `${id} ${verdict}`,
    ...(guard === null ? [] : [`  guard    never to be banned: ${guard.message} (${guard.code})`]),
    ...jails.flatMap((jail) => ['', ...jailText(jail, now)]),
    ...(holders.length === 0 ? [] : ['', 'other hosts', ...holders.map(holderText)]),
    ...edgeText(story),
    ...(strangers.length === 0 ? [] : ['', `nothing is known of it in: ${strangers.join(', ')}`]),
  ];
}

/** Why nobody bans it, as far as one sentence goes. */
function obstacle({ jails, guard }: Story): string {
  if (guard !== null) return `a guard forbids it (${guard.code})`;
  const spared = jails.find((jail) => jail.spared !== null);
  if (spared !== undefined) return `[${spared.jail}] spares it by ${spared.spared?.by} ${spared.spared?.entry}`;
  const counted = jails.flatMap(({ jail, counter, maxretry }) =>
    counter === null ? [] : [`[${jail}] ${counter.retry} of ${maxretry}`],
  );
  const few = counted.length === 0 ? [] : [`too few failures so far, ${counted.join(', ')}`];
  const [past] = jails.flatMap(({ history }) => history).sort((a, b) => b.at - a.at);
  const over = past === undefined ? [] : [`its last ban ended ${timeText(past.until)}`];
  const reasons = [...over, ...few];
  return reasons.length === 0 ? 'no jail has seen it fail' : reasons.join('; ');
}

function jailText(story: JailStory, now: number): string[] {
  const { jail, ban, counter, spared, actions, lines, past, history } = story;
  const earlier = history.filter(({ at }) => at !== ban?.at).slice(0, history_shown_max);
  return [
    `[${jail}] ${ruleText(story)}`,
    ...(story.leftOut ? ['  left out for an error in its configuration: it counts nothing, its bans stay'] : []),
    ...(ban === null ? [] : [banText(ban, now)]),
    ...actions.map(({ action, state }) => `  action   ${action}: ${stateTexts[state]}`),
    ...(counter === null ? [] : [counterText(counter, story, now)]),
    ...(spared === null ? [] : [`  spared   by ${spared.by} ${spared.entry}`]),
    ...lines.flatMap((line) => lineText(line, story.maxretry)),
    ...regexesText(lines),
    ...(past === null ? [] : [`  known    ${times(past.count)} banned, the last time ${timeText(past.at)}`]),
    ...earlier.map(
      (one) => `  before   ${timeText(one.at)} until ${timeText(one.until)}, after ${failuresText(one.failures)}`,
    ),
  ];
}

/** The jail of others' bans counts nothing. */
function ruleText({ maxretry, findtime, bantime }: JailStory): string {
  if (findtime === 0 && bantime === 0) return 'what other hosts and the operator ban';
  return `${failuresText(maxretry)} within ${durationText(findtime)} ban for ${durationText(bantime)}`;
}

const stateTexts: Record<JailStory['actions'][number]['state'], string> = {
  blocked: 'the firewall blocks it (asked just now)',
  missing: 'the firewall does NOT block it (asked just now)',
  done: 'its command was run',
  failed: 'its command FAILED, and is tried again',
  unknown: 'the firewall could not be asked',
};

function banText({ at, until, bantime, count, failures }: BanStory, now: number): string {
  const left = until === null ? '' : `, ${durationText(Math.max(0, until - now))} left`;
  const length = until === null ? 'for ever' : `for ${durationText(bantime)} until ${timeText(until)}${left}`;
  return `  banned   ${timeText(at)} ${length}; after ${failuresText(failures)}, for the ${ordinal(count)} time`;
}

function counterText(
  counter: NonNullable<JailStory['counter']>,
  { maxretry, findtime }: JailStory,
  now: number,
): string {
  const over = counter.last + findtime - now;
  const end = over > 0 ? `, forgotten in ${durationText(over)} without another` : '';
  return `  counted  ${counter.retry} of ${maxretry} (${failuresText(counter.failures)} since ${timeText(counter.first)}, the last ${timeText(counter.last)}${end})`;
}

function lineText({ line, regex, marks, count }: LineStory, maxretry: number): string[] {
  const label = count === null ? '  line     ' : `  ${`${count} of ${maxretry}`.padEnd(9)}`;
  const which = regex === null ? 'no regex' : `regex ${regex.index}`;
  const head = `${label}${which.padEnd(9)} `;
  const text = line.replaceAll('\n', ' ');
  const under = marks.length === 0 ? [] : [`${' '.repeat(head.length)}${carets(marks)}`];
  return [head + text, ...under];
}

function carets(marks: LineStory['marks']): string {
  let text = '';
  for (const [from, to] of marks) text = text.padEnd(from) + '^'.repeat(to - Math.max(from, text.length));
  return text;
}

/** Each regex that has hit, once. */
function regexesText(lines: readonly LineStory[]): string[] {
  const found = new Map(lines.flatMap(({ regex }) => (regex === null ? [] : [[regex.index, regex.text] as const])));
  return [...found].map(([index, text]) => `  regex ${String(index).padEnd(2)} ${text}`);
}

function holderText({ host, jail, at, until }: Story['holders'][number]): string {
  return `  held     by ${host} [${jail}] since ${timeText(at)} until ${timeText(until)}`;
}

function edgeText({ edge, edgeTrouble }: Story): string[] {
  if (edgeTrouble !== null) return ['', 'edge', `  the Worker could not be asked: ${edgeTrouble}`];
  return edge === null
    ? []
    : ['', 'edge (each place asked just now)', ...ledgerText(edge), kvText(edge), ...cloudflareText(edge)];
}

type Edge = NonNullable<Story['edge']>;

function ledgerText({ ledger }: Edge): string[] {
  if (ledger === null) return ['  ledger      nobody holds it'];
  const holders = ledger.holders.map(
    ({ name, jail, until }) => `              ${name} [${jail}] until ${timeText(until)}`,
  );
  return [`  ledger      ${ledger.address}: ${ledger.action} until ${timeText(ledger.until)}, held by`, ...holders];
}

function kvText({ kv }: Edge): string {
  if (kv === null) return '  KV          has no snapshot';
  const says = kv.ban === null ? 'does not have it' : `${kv.ban.action} until ${timeText(kv.ban.until)}`;
  return `  KV          ${says} (written ${timeText(kv.written_at)})`;
}

function cloudflareText({ mode, cloudflare }: Edge): string[] {
  const { asked, found, rules, unasked, error } = cloudflare;
  if (mode === 'gate') return ['  Cloudflare  has no part in it: the gate goes by KV'];
  if (!asked) return ['  Cloudflare  nothing is enforced there (ENFORCEMENT is none)'];
  if (error !== null) return [`  Cloudflare  could not be asked: ${error}`];
  const seen = found.length === 0 ? ['does NOT have it'] : found.map(({ where, said }) => `${where}: ${said}`);
  const effect = rules.map(
    ({ where, said, inForce }) => `${where}: ${said}${inForce ? '' : ' (NOT in force: nobody is refused by it)'}`,
  );
  const more =
    unasked === undefined
      ? []
      : [`${unasked} more zone(s) not asked, one look has no calls for them: see edgeban edge doctor`];
  return [...seen, ...effect, ...more].map((text) => `  Cloudflare  ${text}`);
}

function failuresText(count: number): string {
  return count === 1 ? '1 failure' : `${count} failures`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function ordinal(count: number): string {
  const last = count % 100;
  const ending = last >= 11 && last <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][count % 10] ?? 'th');
  return `${count}${ending}`;
}
