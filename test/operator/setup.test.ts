/** Setup and teardown on the fake Cloudflare: tokens, permissions, sharing a list, failures half-way, what stays. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Account, openAccount, secrets, zone } from './account.ts';

let account: Account;
afterEach(() => account.close());

const everything = (run: { out: string; err: string }) => run.out + run.err;

function expectNoSecret(text: string): void {
  for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
  for (const { secret } of account.fake.control.state().tokens) expect(text).not.toContain(secret);
}

test('--dry-run says what there would be, and changes nothing', async () => {
  account = await openAccount();
  const run = await account.setup(['--dry-run']);
  expect(run).toMatchObject({ code: 0, err: '' });
  expect(run.out).toContain('the KV namespace edgeban-bans and the list edgeban, made by setup where');
  expect(account.writes()).toEqual([]);
  expect(existsSync(account.file)).toBe(false);
});

test.each(['user', 'account'] as const)(
  'a token of the %s sets all up, and a second run changes nothing',
  async (kind) => {
    account = await openAccount();
    const first = await account.setup([], { token: secrets[kind] });
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(account.writes()).toEqual([
      'POST /accounts/ID/storage/kv/namespaces 200',
      'POST /accounts/ID/rules/lists 200',
      kind === 'user' ? 'POST /user/tokens 200' : 'POST /accounts/ID/tokens 200',
      'PUT /accounts/ID/workers/scripts/edgeban 200',
    ]);
    const [token] = account.fake.control.state().tokens;
    expect(token).toMatchObject({ kind, scopes: ['Account Rule Lists Write', 'Zone WAF Write'], zones: [zone.id] });
    expect(statSync(account.file).mode & 0o777).toBe(0o600);
    const second = await account.setup([], { token: secrets[kind] });
    expect(second).toMatchObject({ code: 0, out: expect.stringContaining('Nothing was changed.') });
    expect(account.writes()).toEqual([]);
    expectNoSecret(everything(first) + everything(second));
  },
);

test('no secret is in an argument, nor in any file but the one of the operator', async () => {
  account = await openAccount();
  expect(await account.setup(['--json'])).toMatchObject({ code: 0 });
  const operator = JSON.parse(readFileSync(account.file, 'utf8'));
  const folder = join(account.dir, 'etc/worker');
  expect(readdirSync(folder).sort()).toEqual(['setup.json', 'wrangler.json']);
  const told = [
    readFileSync(join(account.dir, 'argv.json'), 'utf8'),
    ...readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8')),
  ];
  for (const text of told) {
    expectNoSecret(text);
    expect(text).not.toContain(operator.token);
  }
});

test.each([
  ['expired', secrets.old, 'ERR_SETUP_TOKEN', 'the token is expired'],
  ['unknown', 'cfut_nobody-knows-this-one', 'ERR_SETUP_TOKEN', 'does not know this token'],
  [
    'too narrow',
    secrets.narrow,
    'ERR_SETUP_PERMISSION',
    'Account, Workers KV Storage, Edit; Zone, Zone WAF, Edit (for example.test)',
  ],
])('a token that is %s is refused before anything is changed', async (_, token, code, why) => {
  account = await openAccount();
  const run = await account.setup([], { token });
  expect(run).toMatchObject({ code: 255, err: expect.stringContaining(code) });
  expect(run.err).toContain(why);
  expect(account.writes()).toEqual([]);
  expect(everything(run)).not.toContain(token);
});

test('settings of the Worker are kept, and its secrets cannot be set so', async () => {
  account = await openAccount();
  expect(await account.setup(['--allow', '203.0.113.0/28', '--var', 'MAX_BANTIME=4w'])).toMatchObject({ code: 0 });
  expect(await account.setup(['--var', 'FLEET_MAXRETRY=0'])).toMatchObject({ code: 0 });
  const bindings = account.fake.control.state().scripts['edgeban']?.bindings ?? [];
  const value = (name: string) => bindings.find((binding) => binding.name === name)?.['text'];
  expect(['ALLOW', 'MAX_BANTIME', 'FLEET_MAXRETRY'].map(value)).toEqual(['203.0.113.0/28', '4w', '0']);
  const refused = await account.setup(['--var', `OPERATOR_TOKEN=${secrets.user}`]);
  expect(refused).toMatchObject({ code: 255, err: expect.stringContaining('ERR_USAGE') });
  expectNoSecret(everything(refused));
});

test('a token on the command line is refused', async () => {
  account = await openAccount();
  expect(await account.setup(['--token', secrets.user])).toMatchObject({
    code: 255,
    err: expect.stringContaining('ERR_USAGE'),
  });
  expect((await account.setup(['--token', secrets.user])).err).not.toContain(secrets.user);
});

test('who may not make tokens is told what to click, and pastes one', async () => {
  account = await openAccount();
  const without = await account.setup([], { token: secrets.plain });
  expect(without).toMatchObject({ code: 255, err: expect.stringContaining('ERR_SETUP_TOKEN') });
  expect(without.out).toContain('Account, Account Filter Lists, Edit');
  expect(without.err).toContain('What stands: namespace edgeban-bans, list edgeban');
  const pasted = await account.setup([], { token: secrets.plain, answers: [secrets.runtime] });
  expect(pasted).toMatchObject({ code: 0, err: '' });
  expect(account.fake.control.state().tokens).toEqual([]);
  const bindings = account.fake.control.state().scripts['edgeban']?.bindings;
  expect(bindings).toContainEqual(expect.objectContaining({ name: 'CLOUDFLARE_API_TOKEN', text: secrets.runtime }));
  expectNoSecret(everything(without) + everything(pasted));
});

test('a pasted token that cannot do its work is refused by the permission that it lacks', async () => {
  account = await openAccount();
  const run = await account.setup([], { token: secrets.plain, env: { EDGEBAN_RUNTIME_TOKEN: secrets.narrow } });
  expect(run.err).toContain('the run-time token lacks: Zone, Zone WAF, Edit (for example.test)');
});

const begun = 'This is what there will be';
const failures = [
  ['the namespace', begun, '500', 'POST'],
  ['the list', 'KV namespace edgeban-bans: made', '500', 'POST'],
  ['the token', 'list edgeban: made', '500', 'POST'],
  ['the namespace, made all the same', begun, 'cut-after', 'POST'],
  ['the list, made all the same', 'KV namespace edgeban-bans: made', 'cut-after', 'POST'],
  ['the token, made all the same', 'list edgeban: made', 'cut-after', 'POST'],
  ['the look for the Worker', 'operator.json: made', '503', 'GET'],
] as const;

/** Setup with a failure of the next request of this method, once it has printed the line; Ctrl-C at the pause that follows. */
async function failedSetup(what: (typeof failures)[number][0]): Promise<void> {
  const [, line, kind, method] = failures.find(([name]) => name === what) ?? failures[0];
  account = await openAccount();
  const controller = new AbortController();
  const heard = (text: string) => {
    if (text.includes(line)) account.fake.control.fault({ kind, methods: [method] });
    if (text.includes(': again in')) controller.abort();
  };
  const failed = await account.setup([], { heard, signal: controller.signal });
  expect(failed.code).toBe(130);
  expect(failed.err).toContain('Not finished. What stands:');
  account.fake.control.clearFaults();
}

async function expectGone(): Promise<void> {
  expect(await account.run(['teardown', '--yes'])).toMatchObject({ code: 0 });
  const left = account.fake.control.state();
  expect([left.namespaces, left.lists, left.tokens, left.scripts]).toEqual([[], [], [], {}]);
}

test.each(failures)('goes on after a failure at %s', async (what) => {
  await failedSetup(what);
  expect(await account.setup()).toMatchObject({ code: 0, err: '' });
  const { namespaces, lists, tokens } = account.fake.control.state();
  expect([namespaces.length, lists.length, tokens.length]).toEqual([1, 1, 1]);
  await expectGone();
});

test.each(failures)('is undone to the last piece after a failure at %s', async (what) => {
  await failedSetup(what);
  await expectGone();
});

test('Ctrl-C ends it between two steps, and the next run goes on', async () => {
  account = await openAccount();
  const controller = new AbortController();
  const heard = (line: string) => {
    if (line.includes('list edgeban: made')) controller.abort();
  };
  const stopped = await account.setup([], { heard, signal: controller.signal });
  expect(stopped).toMatchObject({
    code: 130,
    err: expect.stringContaining('What stands: namespace edgeban-bans, list edgeban'),
  });
  expect(account.fake.control.state().tokens).toEqual([]);
  expect(await account.setup()).toMatchObject({ code: 0 });
});

test('a wrangler that fails is quoted without the token that it printed', async () => {
  account = await openAccount();
  account.fake.control.fault({ kind: '500', methods: ['PUT'], count: 1 });
  const run = await account.setup();
  expect(run).toMatchObject({ code: 255, err: expect.stringContaining('ERR_SETUP_WRANGLER') });
  expect(run.err).toContain('upload failed Bearer [token]');
  expectNoSecret(everything(run));
  expect(await account.setup()).toMatchObject({ code: 0 });
});

test('a Worker, a rule or an operator that are others’ are left alone', async () => {
  account = await openAccount();
  await account.setup();
  const again = await account.run([
    'setup',
    '--zone',
    zone.name,
    '--yes',
    '--url',
    account.url,
    '--operator-file',
    join(account.dir, 'x/operator.json'),
  ]);
  expect(again.err).toContain('there is a Worker named edgeban that this set-up has not made');
  account.fake.control.seedRules({
    zone: zone.id,
    rules: [{ ref: 'edgeban', action: 'block', expression: '(ip.src in $edgeban)' }],
  });
  const named = await account.run([
    'setup',
    '--zone',
    zone.name,
    '--yes',
    '--url',
    account.url,
    '--name',
    'two',
    '--operator-file',
    join(account.dir, 'x/operator.json'),
  ]);
  expect(named.err).toContain('another edgeban serves it');
});

test('a list of others is shared only when that is said, and never one that lets its addresses through', async () => {
  account = await openAccount();
  account.fake.control.seedItems({ list: 'office', items: [{ ip: '198.51.100.7' }] });
  expect((await account.setup()).err).toContain('there is: office (1 items)');
  expect((await account.setup(['--list', 'office'])).err).toContain('say --adopt-list if that is meant');
  account.fake.control.seedRules({
    zone: zone.id,
    rules: [{ ref: 'a', action: 'skip', expression: '(ip.src in $office)', action_parameters: { ruleset: 'current' } }],
  });
  expect((await account.setup(['--list', 'office', '--adopt-list'])).err).toContain('would be let through');
  account.fake.control.deleteRule({ zone: zone.id, ref: 'a' });
  const adopted = await account.setup(['--list', 'office', '--adopt-list']);
  expect(adopted).toMatchObject({ code: 0, out: expect.stringContaining('list office: adopted') });
  const gone = await account.run(['teardown', '--yes']);
  expect(gone).toMatchObject({ code: 0, out: expect.stringContaining('stays with 1 item(s) of others') });
  expect(account.fake.control.items('office')).toHaveLength(1);
});

test('a zone without room for a rule is named with what to do, and an address without https is refused, before anything is made', async () => {
  account = await openAccount();
  const rules = Array.from({ length: 5 }, (_, at) => ({ action: 'block', expression: `(http.host eq "x${at}")` }));
  account.fake.control.seedRules({ zone: zone.id, rules });
  const full = await account.setup();
  expect(full).toMatchObject({ code: 255, err: expect.stringContaining(`the zone ${zone.name} takes no rule`) });
  expect(full.err).toContain('room for 5 (delete one)');
  const open = await account.setup(['--mode', 'none', '--url', 'http://ban.example.org']);
  expect(open).toMatchObject({ code: 255, err: expect.stringContaining('not https') });
  expect(account.writes()).toEqual([]);
});
