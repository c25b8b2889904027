/** The operator's verbs about hosts: a token for a new one, who is enrolled, revoking one. */
import { EdgebanError } from '../../shared/errors.ts';
import { confirm, operatorOf, parseWords, tell, wordOf } from './words.ts';
import { type Host, OpenToken } from './worker-api.ts';
import type { OperatorWorld } from './world.ts';

/** Prints the token alone, so that it can be piped to where it is needed. */
export async function openToken(argv: readonly string[], world: OperatorWorld): Promise<number> {
  const { values } = parseWords(argv, {});
  const { worker } = operatorOf(values, world);
  const opened = await worker.call('POST', '/v1/enroll-tokens', OpenToken);
  tell(world, values, { url: worker.url, ...opened }, opened.token);
  if (!values.json) {
    const minutes = Math.max(0, Math.round((opened.expires_at - world.now()) / 60));
    world.terminal.err(`Good for one host, for ${minutes} minutes. On that host:`);
    world.terminal.err(`   edgeban edge enroll --url ${worker.url} --token-file -`);
  }
  return 0;
}

export async function listHosts(argv: readonly string[], world: OperatorWorld): Promise<number> {
  const { values } = parseWords(argv, { all: { type: 'boolean', default: false } });
  const hosts = (await operatorOf(values, world).worker.hosts()).filter(
    (host) => values.all || host.revoked_at === null,
  );
  tell(world, values, { hosts }, hostTable(hosts, world.now()));
  return 0;
}

function hostTable(hosts: readonly Host[], now: number): string {
  if (hosts.length === 0) return 'No host is enrolled (edgeban edge token opens the way for one)';
  const rows = hosts.map((host) => [host.name, host.id, feedOf(host, now), `${host.holders} bans`]);
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ?? [];
  return rows
    .map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

function feedOf({ live, seen_at, revoked_at }: Host, now: number): string {
  if (revoked_at !== null) return `revoked ${ago(now - revoked_at)} ago`;
  return live ? 'live' : `seen ${ago(now - seen_at)} ago`;
}

export function ago(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.round(whole / 60)} min`;
  return whole < 172_800 ? `${Math.round(whole / 3600)} h` : `${Math.round(whole / 86_400)} days`;
}

/** By name or by id: its key is refused from now on, and all its bans are lifted. */
export async function revokeHost(argv: readonly string[], world: OperatorWorld): Promise<number> {
  const { values, words } = parseWords(argv, {}, 1);
  const wanted = wordOf(words, 'revoke', 'the name or id of a host');
  const { worker } = operatorOf(values, world);
  const { id, name, holders } = findHost(await worker.hosts(), wanted);
  await confirm(world, values, `Revoke ${name} (${id}) and lift the ${holders} ban(s) that it holds?`);
  const lifted = await worker.revoke(id);
  tell(world, values, { host: id, name, lifted }, `Revoked ${name} (${id}); ${lifted} ban(s) lifted`);
  return 0;
}

function findHost(hosts: readonly Host[], wanted: string): Host {
  const found = hosts.find(({ id }) => id === wanted) ?? hosts.find((host) => isNamed(host, wanted));
  if (found !== undefined) return found;
  throw new EdgebanError('ERR_HOST_UNKNOWN', `no host is called ${wanted}`, {
    remedy: 'edgeban edge hosts lists them',
  });
}

function isNamed({ name, revoked_at }: Host, wanted: string): boolean {
  return name === wanted && revoked_at === null;
}
