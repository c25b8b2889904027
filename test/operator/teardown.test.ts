/** Teardown on the fake Cloudflare, in each mode: what is ours goes, what others have put there stays; and panic past the Worker. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Account, accountId, openAccount, other, zone } from './account.ts';

let account: Account;
afterEach(() => account.close());

test('teardown takes what is ours and leaves what others have put there', async () => {
  account = await openAccount();
  await account.setup(['--zone', zone.name, '--zone', other.name]);
  const { control } = account.fake;
  control.seedRules({
    zone: zone.id,
    rules: [
      { ref: 'theirs', action: 'block', expression: '(http.host eq "old")' },
      { ref: 'edgeban', action: 'block', expression: '(ip.src in $edgeban)' },
    ],
  });
  control.seedRules({
    zone: zone.id,
    rules: [{ ref: 'edgeban-two', action: 'block', expression: '(http.host eq "two")' }],
  });
  control.seedItems({
    list: 'edgeban',
    items: [
      { ip: '203.0.113.1', comment: 'edgeban:main:1900000000 sshd' },
      { ip: '203.0.113.2', comment: 'by hand' },
    ],
  });
  account.writes();
  const dry = await account.run(['teardown', '--dry-run']);
  expect(dry.out).toContain('the Worker edgeban goes');
  expect(account.writes()).toEqual([]);
  expect((await account.run(['teardown'])).err).toContain('--yes');
  const run = await account.run(['teardown', '--yes']);
  expect(run).toMatchObject({ code: 0, err: '' });
  expect(run.out).toContain("1 item(s) of edgeban's gone; the list stays: 1 item(s) in it are of others");
  expect(control.rules(zone.id).map(({ ref }) => ref)).toEqual(['theirs', 'edgeban-two']);
  expect(control.items('edgeban').map(({ ip }) => ip)).toEqual(['203.0.113.2']);
  const { scripts, namespaces, tokens } = control.state();
  expect([scripts, namespaces, tokens]).toEqual([{}, [], []]);
  expect(readdirSync(join(account.dir, 'etc'))).toEqual([]);
  expect((await account.run(['teardown', '--yes'])).err).toContain('nothing was set up');
});

test('the mode access-rules needs no zone and no list, and its own rules go in the end', async () => {
  account = await openAccount();
  const words = ['--mode', 'access-rules', '--account', accountId, '--yes', ...account.deployed];
  expect(await account.run(['setup', ...words])).toMatchObject({ code: 0, err: '' });
  expect(account.fake.control.state().tokens).toMatchObject([
    { scopes: ['Account Firewall Access Rules Write'], zones: [] },
  ]);
  expect(account.fake.control.state().lists).toEqual([]);
  const rules = [
    { target: 'ip', value: '203.0.113.1', notes: 'edgeban:main:1900000000 sshd' },
    { target: 'ip', value: '203.0.113.2', notes: 'by hand' },
  ] as const;
  account.fake.control.seedAccessRules({ rules: [...rules] });
  expect((await account.run(['panic', '--direct', '--yes'])).err).toContain('has no rule to switch');
  const gone = await account.run(['teardown', '--yes']);
  expect(gone).toMatchObject({ code: 0, out: expect.stringContaining("1 access rule(s) of edgeban's: gone") });
  expect(account.fake.control.accessRules(accountId).map(({ notes }) => notes)).toEqual(['by hand']);
});

test('access rules of which no record tells go, too, where the token may look', async () => {
  account = await openAccount();
  await account.setup();
  const rules = ['edgeban:main:forever sshd', 'by hand'].map((notes, at) => {
    return { target: 'ip', value: `203.0.113.${at}`, mode: 'block', notes } as const;
  });
  account.fake.control.seedAccessRules({ rules });
  const gone = await account.run(['teardown', '--yes']);
  expect(gone).toMatchObject({ code: 0, out: expect.stringContaining("1 access rule(s) of edgeban's: gone") });
  expect(account.fake.control.accessRules(accountId).map(({ notes }) => notes)).toEqual(['by hand']);
});

test('a token that may not look at access rules tears down all else, and says so', async () => {
  const secret = 'cfut_knows-no-access-rules-0123456789';
  const scopes = ['Zone Read', 'Workers Scripts Write', 'Workers KV Storage Write', 'Workers Routes Write'] as const;
  const more = ['Account Rule Lists Write', 'Zone WAF Write', 'API Tokens Write'] as const;
  account = await openAccount({ tokens: [{ name: 'user', secret, kind: 'user', scopes: [...scopes, ...more] }] });
  expect(await account.setup([], { token: secret })).toMatchObject({ code: 0, err: '' });
  const gone = await account.run(['teardown', '--yes'], { token: secret });
  expect(gone).toMatchObject({ code: 0, err: '', out: expect.stringContaining('access rules: not looked for') });
  expect(account.fake.control.state().scripts).toEqual({});
});

test('the mode none needs no token for the Worker', async () => {
  account = await openAccount();
  const words = ['--mode', 'none', '--account', accountId, '--yes', ...account.deployed];
  expect(await account.run(['setup', ...words])).toMatchObject({ code: 0, err: '' });
  expect(account.writes()).toEqual([
    'POST /accounts/ID/storage/kv/namespaces 200',
    'PUT /accounts/ID/workers/scripts/edgeban 200',
  ]);
  expect(await account.run(['teardown', '--yes'])).toMatchObject({ code: 0 });
});

test('a teardown that failed goes on where it stopped', async () => {
  account = await openAccount();
  await account.setup();
  account.fake.control.fault({ kind: 'cut-after', methods: ['DELETE'], count: 1 });
  account.fake.control.fault({ kind: '500', methods: ['DELETE'], count: 4 });
  expect((await account.run(['teardown', '--yes'])).err).toContain('Not finished');
  expect(await account.run(['teardown', '--yes'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('the Worker edgeban: was gone already'),
  });
  expect(account.fake.control.state().namespaces).toEqual([]);
});

test('panic goes past a Worker that does not answer, with one call a zone', async () => {
  account = await openAccount();
  await account.setup();
  account.fake.control.seedRules({
    zone: zone.id,
    rules: [{ ref: 'edgeban', action: 'block', expression: '(ip.src in $edgeban)' }],
  });
  account.writes();
  expect(await account.run(['panic', '--direct', '--yes'], { token: 'nothing-of-use' })).toMatchObject({ code: 0 });
  expect(account.writes()).toEqual(['PATCH /zones/ID/rulesets/ID/rules/ID 200']);
  expect(account.fake.control.rules(zone.id)[0]).toMatchObject({ enabled: false });
  const back = await account.run(['resume', '--json']);
  expect(JSON.parse(back.out)).toMatchObject({ by: 'cloudflare', rules: [{ zone: zone.name, changed: 1 }] });
  expect(account.fake.control.rules(zone.id)[0]).toMatchObject({ enabled: true });
});
