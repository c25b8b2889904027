/** What former modes and zones have left: the Worker is told of it until it is gone, should its ledger be lost meanwhile. */
import { afterEach, expect, test } from 'vitest';
import { type Account, openAccount, other, zone } from './account.ts';

let account: Account;
afterEach(() => account.close());

const bound = (name: string) =>
  account.fake.control.state().scripts['edgeban']?.bindings.find((each) => each.name === name)?.['text'];
const hasty = { hasty: true } as const;
const told = () => ['FORMER_LISTS', 'FORMER_CHALLENGE_LISTS', 'FORMER_ACCESS_RULES'].map((name) => bound(name) ?? null);
const scopes = () => account.fake.control.state().tokens.map((token) => token.scopes);

test.each([
  ['is still there', { former: [{ mode: 'access-rules', name: null, left: 3, error: null }], recoveryDue: false }],
  ['is not known to a ledger that was lost', { former: [], recoveryDue: true }],
])('and %s: the Worker is told of it and keeps its token, until a later run finds it gone', async (_, said) => {
  account = await openAccount();
  await account.setup(['--mode', 'access-rules']);
  Object.assign(account.said, said);
  const run = await account.setup(['--mode', 'list'], hasty);
  expect(run).toMatchObject({ code: 0, out: expect.stringContaining('still being taken away: run this again') });
  expect(told()).toEqual([null, null, 'account']);
  expect(scopes().at(-1)).toContain('Account Firewall Access Rules Write');
  expect((await account.setup([], hasty)).out).toContain('still being taken away');
  expect(told()).toEqual([null, null, 'account']);
  const dry = await account.run(['teardown', '--dry-run']);
  expect(dry.out).toContain("edgeban's access rules go");
  Object.assign(account.said, { former: [], recoveryDue: false });
  expect((await account.setup([], hasty)).out).toContain('what the mode access-rules had left: taken away');
  expect([told(), scopes()]).toEqual([[null, null, null], [['Account Rule Lists Write', 'Zone WAF Write']]]);
  expect((await account.setup([], hasty)).out).toContain('Nothing was changed.');
});

test('in a zone that is served no more: it is told, and teardown looks there, too', async () => {
  account = await openAccount();
  await account.setup(['--zone', zone.id, '--zone', other.id]);
  account.said.recoveryDue = true;
  const run = await account.setup(['--zone', zone.id], hasty);
  expect(run).toMatchObject({ code: 0, out: expect.stringContaining('what the zone example.org has left is still') });
  expect([bound('CLOUDFLARE_ZONE_IDS'), bound('FORMER_ZONE_IDS')]).toEqual([zone.id, other.id]);
  const dry = await account.run(['teardown', '--dry-run']);
  expect(dry.out).toContain("edgeban's WAF rule in the zone example.org goes");
  account.said.recoveryDue = false;
  expect((await account.setup([], hasty)).out).toContain('what the zone example.org had left: taken away');
  expect(bound('FORMER_ZONE_IDS')).toBeUndefined();
  expect((await account.setup([], hasty)).out).toContain('Nothing was changed.');
});

test('of two lists: both are told', async () => {
  account = await openAccount({ limits: { lists_max: 3 } });
  await account.setup(['--challenge-list', 'second']);
  account.said.recoveryDue = true;
  await account.setup(['--mode', 'gate'], hasty);
  expect(told()).toEqual(['edgeban', 'second', null]);
});
