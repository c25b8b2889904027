/** Setup in its other modes: a second list for challenges, the gate on routes, a change from one mode to another. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { wranglerConfig } from '../../host-agent/operator/setup/wrangler.ts';
import { type Account, openAccount, other, zone } from './account.ts';

let account: Account;
afterEach(() => account.close());

const config = () => JSON.parse(readFileSync(join(account.dir, 'etc/worker/wrangler.json'), 'utf8'));
const routes = () => account.fake.control.state().workerRoutes.map(({ pattern, script }) => `${pattern} ${script}`);
const lists = () => account.fake.control.state().lists.map(({ name }) => name);
const bound = (name: string) =>
  account.fake.control.state().scripts['edgeban']?.bindings.find((each) => each.name === name)?.['text'];

describe('a second list', () => {
  test('is made, told to the Worker, and taken away again', async () => {
    account = await openAccount({ limits: { lists_max: 3 } });
    const run = await account.setup(['--challenge-list', 'edgeban_challenge']);
    expect(run).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining('list for challenges edgeban_challenge: made'),
    });
    expect(lists()).toEqual(['edgeban', 'edgeban_challenge']);
    expect(bound('CHALLENGE_LIST_NAME')).toBe('edgeban_challenge');
    expect(JSON.parse(readFileSync(account.file, 'utf8')).cloudflare.challenge_list).toBe('edgeban_challenge');
    expect(await account.setup()).toMatchObject({ code: 0, out: expect.stringContaining('Nothing was changed.') });
    account.fake.control.seedItems({
      list: 'edgeban_challenge',
      items: [{ ip: '203.0.113.9', comment: 'edgeban:main:forever x' }],
    });
    expect(await account.run(['teardown', '--yes'])).toMatchObject({ code: 0, err: '' });
    expect(lists()).toEqual([]);
  });

  test('gets another name or goes, and the old list with it; where there is no room for a new one it stays', async () => {
    account = await openAccount({ limits: { lists_max: 3 } });
    await account.setup(['--challenge-list', 'first']);
    const moved = await account.setup(['--challenge-list', 'second']);
    expect(moved).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining('list first (the list is gone): taken'),
    });
    expect([bound('CHALLENGE_LIST_NAME'), lists()]).toEqual(['second', ['edgeban', 'second']]);
    account.fake.control.seedItems({ list: 'theirs', items: [{ ip: '198.51.100.9', comment: 'by hand' }] });
    const refused = await account.setup(['--challenge-list', 'third']);
    expect(refused).toMatchObject({ code: 255, err: expect.stringContaining('no room for a second list') });
    expect(await account.setup()).toMatchObject({ code: 0, out: expect.stringContaining('Nothing was changed.') });
    expect(await account.setup(['--challenge-list', ''])).toMatchObject({ code: 0, err: '' });
    expect([bound('CHALLENGE_LIST_NAME'), lists()]).toEqual([undefined, ['edgeban', 'theirs']]);
  });

  test("that is another tool's is shared if that is wanted, and stays", async () => {
    account = await openAccount({ limits: { lists_max: 3 } });
    account.fake.control.seedItems({ list: 'theirs', items: [{ ip: '198.51.100.9', comment: 'by hand' }] });
    const words = ['--challenge-list', 'theirs'];
    expect(await account.setup(words)).toMatchObject({ code: 255, err: expect.stringContaining('--adopt-list') });
    expect(await account.setup([...words, '--adopt-list'])).toMatchObject({ code: 0 });
    expect(await account.run(['teardown', '--yes'])).toMatchObject({ code: 0 });
    expect(lists()).toEqual(['theirs']);
    expect(account.fake.control.items('theirs')).toHaveLength(1);
  });

  test('for which the plan has no room is refused with what to do; the set-up goes on without it', async () => {
    account = await openAccount();
    const run = await account.setup(['--challenge-list', 'edgeban_challenge']);
    expect(run).toMatchObject({ code: 255, err: expect.stringContaining('leave --challenge-list away') });
    expect(await account.setup()).toMatchObject({ code: 0 });
    expect(lists()).toEqual(['edgeban']);
  });
});

describe('the gate', () => {
  test('stands on a route for each zone, takes no token, and goes without a trace', async () => {
    account = await openAccount();
    const words = ['--zone', zone.name, '--zone', other.name];
    const run = await account.setup(['--mode', 'gate', ...words]);
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(run.out).toContain('Fail open');
    expect(run.out).toContain('challenges: none, they block');
    expect(routes()).toEqual([`*${zone.name}/* edgeban`, `*${other.name}/* edgeban`]);
    expect([bound('ENFORCEMENT'), bound('CLOUDFLARE_API_TOKEN')]).toEqual(['gate', undefined]);
    expect([lists(), account.fake.control.state().tokens]).toEqual([[], []]);
    expect(await account.setup(words)).toMatchObject({ code: 0, out: expect.stringContaining('Nothing was changed.') });
    expect(await account.setup()).toMatchObject({ code: 0, err: '' });
    expect(routes()).toEqual([`*${zone.name}/* edgeban`]);
    account.writes();
    const gone = await account.run(['teardown', '--yes']);
    expect(gone).toMatchObject({ code: 0, err: '' });
    expect(account.writes().filter((line) => line.startsWith('DELETE'))).toEqual([
      'DELETE /zones/ID/workers/routes/ID 200',
      'DELETE /accounts/ID/workers/scripts/edgeban 200',
      'DELETE /accounts/ID/storage/kv/namespaces/ID 200',
    ]);
    expect(routes()).toEqual([]);
  });

  test('stands where it is told to, with a Turnstile widget whose secret is in no argument and no file but one', async () => {
    account = await openAccount();
    const words = ['--mode', 'gate', '--route', 'shop.example.test/*', '--turnstile-key', '0x4site'];
    const secret = 'turnstile-secret-0123456789';
    const bare = await account.setup(words);
    expect(bare).toMatchObject({ code: 255, err: expect.stringContaining('--turnstile-secret-file') });
    expect(await account.setup(words, { env: { EDGEBAN_TURNSTILE_SECRET: secret } })).toMatchObject({
      code: 0,
      err: '',
    });
    expect(routes()).toEqual(['shop.example.test/* edgeban']);
    expect([bound('TURNSTILE_SITE_KEY'), bound('TURNSTILE_SECRET')]).toEqual(['0x4site', secret]);
    expect(JSON.stringify(config()) + readFileSync(join(account.dir, 'argv.json'), 'utf8')).not.toContain(secret);
    // known from now on
    expect(await account.setup(['--route', '*example.test/*'])).toMatchObject({ code: 0 });
    expect(routes()).toEqual(['*example.test/* edgeban']);
    expect(bound('TURNSTILE_SECRET')).toBe(secret);
  });

  test.each([['elsewhere.invalid/*'], ['example.test'], ['notexample.test/*']])(
    'does not stand at %s',
    async (route) => {
      account = await openAccount();
      expect(await account.setup(['--mode', 'gate', '--route', route])).toMatchObject({
        code: 255,
        err: expect.stringContaining('is not a route of these zones'),
      });
      expect(account.writes()).toEqual([]);
    },
  );

  test('leaves the route of another Worker alone', async () => {
    account = await openAccount();
    const state = account.fake.control.state();
    account.fake.control.seedRoute({ zone: zone.id, pattern: '*example.test/*', script: 'shop' });
    expect(state.workerRoutes).toEqual([]);
    expect(await account.setup(['--mode', 'gate'])).toMatchObject({
      code: 255,
      err: expect.stringContaining('leads to the Worker shop'),
    });
    expect(account.writes()).toEqual([]);
  });
});

describe('a change of mode', () => {
  test('keeps the token that the Worker needs to take away the former one, and then takes it away', async () => {
    account = await openAccount();
    await account.setup();
    const run = await account.setup(['--mode', 'gate']);
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(run.out).toContain('what the mode list had left: taken away');
    expect(run.out).toMatch(/run-time token .*: taken away/);
    expect([bound('ENFORCEMENT'), bound('CLOUDFLARE_API_TOKEN')]).toEqual(['gate', undefined]);
    expect(account.fake.control.state().tokens).toEqual([]);
    const back = await account.setup(['--mode', 'access-rules']);
    expect(back).toMatchObject({ code: 0, err: '' });
    expect(routes()).toEqual([]);
    expect(account.fake.control.state().tokens.at(-1)?.scopes).toEqual(['Account Firewall Access Rules Write']);
    expect(await account.run(['teardown', '--yes'])).toMatchObject({ code: 0, err: '' });
    const { scripts, namespaces, tokens } = account.fake.control.state();
    expect([scripts, namespaces, tokens, lists()]).toEqual([{}, [], [], []]);
  });

  test('between list and access rules makes a token that is good for both, and one that may less once nothing is left', async () => {
    account = await openAccount();
    await account.setup();
    let both: readonly string[] = [];
    const heard = (line: string) => {
      if (line.includes('had left')) both = account.fake.control.state().tokens.at(-1)?.scopes ?? [];
    };
    account.writes();
    expect(await account.setup(['--mode', 'access-rules'], { heard })).toMatchObject({ code: 0, err: '' });
    // what the Worker has is good until it has another one
    const writes = account.writes();
    const last = writes.lastIndexOf('PUT /accounts/ID/workers/scripts/edgeban 200');
    expect(writes.slice(last + 1)).toEqual(Array(2).fill('DELETE /user/tokens/ID 200'));
    expect(writes.slice(0, last).filter((line) => line.startsWith('DELETE'))).toEqual([]);
    expect(both).toEqual(['Account Rule Lists Write', 'Zone WAF Write', 'Account Firewall Access Rules Write']);
    const { tokens } = account.fake.control.state();
    expect(tokens.map(({ scopes }) => scopes)).toEqual([['Account Firewall Access Rules Write']]);
    expect(bound('CLOUDFLARE_API_TOKEN')).toBe(tokens[0]?.secret);
    expect(await account.setup()).toMatchObject({ code: 0, out: expect.stringContaining('Nothing was changed.') });
  });
});

describe('a run that ends between a new token and its deployment', () => {
  const secrets = () => account.fake.control.state().tokens.map(({ secret }) => secret);
  const stoppedAtNewToken = async (mode: string) => {
    const controller = new AbortController();
    const heard = (line: string) => {
      if (/run-time token .*: made/.test(line)) controller.abort();
    };
    const { code } = await account.setup(['--mode', mode], { heard, signal: controller.signal });
    expect(code).not.toBe(0);
  };

  test('leaves the Worker the one that it has, and the next run has one token in all', async () => {
    account = await openAccount();
    await account.setup();
    const before = bound('CLOUDFLARE_API_TOKEN');
    await stoppedAtNewToken('access-rules');
    expect([bound('CLOUDFLARE_API_TOKEN'), secrets().length]).toEqual([before, 2]);
    expect(secrets()).toContain(before);
    expect(await account.setup(['--mode', 'access-rules'])).toMatchObject({ code: 0, err: '' });
    expect(secrets()).toEqual([bound('CLOUDFLARE_API_TOKEN')]);
  });

  test('never costs the Worker the one that it works with, though the record has it among those that are to go', async () => {
    account = await openAccount();
    await account.setup();
    const file = join(account.dir, 'etc/worker/setup.json');
    const { token, ...record } = JSON.parse(readFileSync(file, 'utf8'));
    const lost = { ...token, name: 'edgeban edgeban: run time 0', id: null };
    writeFileSync(file, JSON.stringify({ ...record, token: lost, spent: [token] }));
    expect(await account.setup()).toMatchObject({ code: 0, err: '' });
    expect(secrets()).toEqual([bound('CLOUDFLARE_API_TOKEN')]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ token, spent: [] });
  });
});

test('at a domain of your own there is no way around it by workers.dev, and hosts that came by that are told of', async () => {
  account = await openAccount();
  expect((await account.setup()).out).not.toContain('is closed');
  expect(config().workers_dev).toBe(false);
  const file = join(account.dir, 'etc/worker/setup.json');
  const url = 'https://edgeban.example.workers.dev';
  const { worker, ...record } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...record, worker: { ...worker, url } }));
  expect((await account.setup(['--dry-run'])).out).toContain(`${url} is closed: hosts that were enrolled there`);
  const main = { main: '/worker/index.js', isBundled: true };
  const whole = { ...record, worker };
  expect(JSON.parse(wranglerConfig(whole, 'edgeban', url, main)).workers_dev).toBe(true);
});

describe('whom the Worker tells', () => {
  const topic = 'https://ntfy.sh/our-topic';

  test('is a secret of its, kept, in no argument and no file but one; the doctor says whether it is anybody', async () => {
    account = await openAccount();
    expect((await account.setup()).code).toBe(0);
    expect((await account.run(['doctor'])).out).toContain('the Worker itself tells nobody');
    expect(await account.setup([], { env: { EDGEBAN_ALERT_NTFY: topic } })).toMatchObject({ code: 0, err: '' });
    expect(await account.setup()).toMatchObject({ code: 0, out: expect.stringContaining('Nothing was changed.') });
    expect([bound('ALERT_NTFY'), bound('ALERT_WEBHOOK')]).toEqual([topic, undefined]);
    expect(JSON.stringify(config()) + readFileSync(join(account.dir, 'argv.json'), 'utf8')).not.toContain(topic);
    expect((await account.run(['doctor'])).out).toContain('by ntfy');
  });

  test('is asked of a person at the first set-up, and must be an address', async () => {
    account = await openAccount();
    const asked = await account.setup([], { answers: ['y', topic] });
    expect(asked).toMatchObject({ code: 0, out: expect.stringContaining('Who is told when the edge is broken') });
    const bad = await account.setup([], { env: { EDGEBAN_ALERT_WEBHOOK: 'somebody' } });
    expect(bad).toMatchObject({ code: 255, err: expect.stringContaining('is not an address') });
  });
});
