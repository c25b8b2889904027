/** What the doctor finds in the second list and its rule, in the gate, and of a former mode; each provoked at the fake. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CloudflareApi } from '../../host-agent/operator/cloudflare-api.ts';
import { cloudflareFindings } from '../../host-agent/operator/doctor/cloudflare-checks.ts';
import { statusFindings } from '../../host-agent/operator/doctor/worker-checks.ts';
import type { Status } from '../../host-agent/operator/worker-api.ts';
import { fakeTerminal } from '../cli/fake-ports.ts';
import { type Account, accountId, openAccount, secrets, zone } from './account.ts';

let account: Account;
beforeEach(async () => {
  account = await openAccount({ limits: { lists_max: 3 } });
  for (const list of ['edgeban', 'edgeban_challenge']) account.fake.control.seedItems({ list, items: [] });
  account.fake.control.seedRules({ zone: zone.id, rules: [block, challenge] });
});
afterEach(() => account.close());

const block = { ref: 'edgeban', action: 'block', expression: '(ip.src in $edgeban)' };
const challenge = {
  ref: 'edgeban_challenge',
  action: 'managed_challenge',
  expression: '(ip.src in $edgeban_challenge)',
};

async function amiss(): Promise<string[]> {
  const api = new CloudflareApi(account.base, secrets.runtime, {
    now: () => 0,
    sleep: async () => undefined,
    terminal: fakeTerminal(),
  });
  const lists = { list: 'edgeban', challenge_list: 'edgeban_challenge' };
  const access = {
    base: account.base,
    account: accountId,
    zones: [zone],
    mode: 'list',
    ...lists,
    token: 'unused-here',
  };
  const findings = (await cloudflareFindings(api, access, Date.now() / 1000)).filter(({ grade }) => grade !== 'ok');
  for (const { remedy } of findings) expect(remedy).not.toBeNull();
  return findings.map(({ grade, about, text }) => `${grade} ${about}: ${text}`);
}

test('two lists and two rules in order are well', async () => {
  expect(await amiss()).toEqual([]);
});

test('a second list that is gone, a rule for it that is off or missing', async () => {
  account.fake.control.disableRule({ zone: zone.id, ref: 'edgeban_challenge' });
  expect(await amiss()).toEqual(['broken challenge example.test: the rule is switched off']);
  account.fake.control.deleteRule({ zone: zone.id, ref: 'edgeban_challenge' });
  expect((await amiss()).join()).toContain("challenge example.test: the zone has no rule of edgeban's");
  account.fake.control.loseList({ name: 'edgeban_challenge' });
  expect((await amiss()).join()).toContain('there is no list edgeban_challenge');
});

test('a rule that challenges before the one that blocks', async () => {
  account.fake.control.deleteRule({ zone: zone.id, ref: 'edgeban' });
  account.fake.control.seedRules({ zone: zone.id, rules: [block] });
  expect((await amiss()).join()).toContain('stands before the one that blocks');
});

const named = { count: 0, addresses: [] };
const detail = {
  inStep: true,
  wanted: 0,
  missing: 0,
  surplus: 0,
  leftOut: named,
  foreign: named,
  refused: named,
  unfit: named,
  error: null,
  waitUntil: null,
  rules: [],
};
const status = (enforcement: Status['enforcement']): Status => ({
  ledger: 'l',
  revision: 0,
  bans: 0,
  hosts: 0,
  over_share: [],
  listeners: 0,
  panic: null,
  brake: null,
  recovery: { due: false, at: null, bans: 0, refused: 0 },
  ranges: { known: 22, at: null, error: null },
  snapshot: { current: true, written_at: null, error: null },
  enforcement,
});
const told = (enforcement: Status['enforcement']) =>
  statusFindings(status(enforcement), 0).map(({ grade, about, remedy }) => [grade, about, remedy !== null]);

test('challenges that nobody enforces, and what a former mode has left', () => {
  const challenged = { count: 2, addresses: ['203.0.113.1', '203.0.113.2'] };
  const former = [{ mode: 'access-rules', name: null, left: 3, error: null }];
  expect(told({ mode: 'list', current: true, detail: { ...detail, challenged, challengeList: null }, former })).toEqual(
    [
      ['ok', 'ledger and KV', false],
      ['ok', 'enforcement', false],
      ['warning', 'challenges', true],
      ['warning', 'former mode', true],
    ],
  );
});

test('the gate is well as long as KV follows', () => {
  const gate = { challenge: 'block' } as const;
  expect(told({ mode: 'gate', current: true, detail: null, former: [], gate })[1]).toEqual([
    'ok',
    'enforcement',
    false,
  ]);
  expect(told({ mode: 'gate', current: false, detail: null, former: [], gate })[1]?.[0]).toBe('warning');
});

test('routes of the gate that are gone, or lead elsewhere, and a zone that has none', async () => {
  await account.close();
  account = await openAccount();
  expect(await account.setup(['--mode', 'gate'])).toMatchObject({ code: 0 });
  const routes = async () => {
    const { out } = await account.run(['doctor', '--json', '--token-file', '-'], { stdin: secrets.user });
    const { findings } = JSON.parse(out) as { findings: { about: string; grade: string; text: string }[] };
    return findings.filter(({ about }) => about.startsWith('routes')).map(({ grade, text }) => `${grade}: ${text}`);
  };
  expect(await routes()).toEqual(['ok: *example.test/*']);
  account.fake.control.state().workerRoutes.splice(0);
  const record = join(account.dir, 'etc/worker/setup.json');
  const known = JSON.parse(readFileSync(record, 'utf8'));
  const pattern = 'shop.example.test/*';
  writeFileSync(record, JSON.stringify({ ...known, routes: [{ pattern, zone: zone.id }] }));
  expect(await routes()).toEqual([`broken: ${pattern}: does not lead to the Worker; visits go past the gate`]);
  writeFileSync(record, JSON.stringify({ ...known, routes: [] }));
  expect(await routes()).toEqual(['warning: no visit to this zone goes through the gate']);
});

test('a token that may more than the mode needs', async () => {
  await account.close();
  account = await openAccount();
  await account.setup();
  const made = account.fake.control.state().tokens[0];
  if (made === undefined) throw new Error('no token');
  const operator = JSON.parse(readFileSync(account.file, 'utf8'));
  const wide = { ...operator, cloudflare: { ...operator.cloudflare, token: secrets.user } };
  writeFileSync(account.file, JSON.stringify(wide), { mode: 0o600 });
  const { out } = await account.run(['doctor']);
  expect(out).toContain('it may more than that: Account, Account Firewall Access Rules, Edit');
});
