/** What fails on the way, or is asked to wait, while an operator's verb runs: it goes on by itself, says so, and not for ever. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { edgeFiles } from '../../host-agent/edge/files.ts';
import { makeKey } from '../../host-agent/edge/key.ts';
import { EdgeRefusal } from '../../host-agent/edge/refusal.ts';
import { writeSettings } from '../../host-agent/edge/settings.ts';
import { operatorLimits } from '../../host-agent/operator/http.ts';
import { patienceLimits, patiently, setbackOf } from '../../host-agent/operator/patience.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { fakeTerminal } from '../cli/fake-ports.ts';
import { type Account, openAccount } from './account.ts';
import { edge } from './fake-world.ts';

let account: Account;
afterEach(() => account?.close());

type Fault = Parameters<Account['fake']['control']['fault']>[0];

/** Setup during which Cloudflare fails once the line has been printed. */
async function setupWith(line: string, fault: Fault) {
  account = await openAccount();
  let isDue = true;
  const heard = (text: string) => {
    if (isDue && text.includes(line)) account.fake.control.fault(fault);
    if (text.includes(line)) isDue = false;
  };
  return await account.setup([], { heard });
}

const kinds = ['503', 'cut-before', 'null-200', 'html-429'] as const;

test.each(kinds)('a reading that ends in %s is read again, and setup goes on', async (kind) => {
  const run = await setupWith('This is what there will be', { kind, methods: ['GET'] });
  expect(run).toMatchObject({ code: 0, err: expect.stringMatching(/: again in \d s/) });
});

test('the very first reading, too', async () => {
  account = await openAccount();
  account.fake.control.fault({ kind: '503', count: 2, methods: ['GET'] });
  const run = await account.setup();
  expect(run).toMatchObject({ code: 0, err: expect.stringContaining(': again in 2 s') });
});

test('seconds that Cloudflare asks for are waited', async () => {
  const run = await setupWith('This is what there will be', { kind: '429', retry_after: 9 });
  expect(run).toMatchObject({ code: 0, err: expect.stringContaining(': again in 9 s') });
});

test('an outage that lasts ends it, with what stands and how to go on', async () => {
  const run = await setupWith('list edgeban: made', { kind: '503', count: 1_000 });
  expect(run).toMatchObject({ code: 255, err: expect.stringContaining('ERR_CLOUDFLARE_UNREACHABLE') });
  expect(run.err).toContain('What stands: namespace edgeban-bans, list edgeban');
  account.fake.control.clearFaults();
  expect(await account.setup()).toMatchObject({ code: 0, err: '' });
});

describe.each(['cut-after', '500'] as const)('a thing whose making ends in %s', (kind) => {
  test.each([
    ['the namespace', 'This is what there will be'],
    ['the list', 'KV namespace edgeban-bans: made'],
    ['the token', 'list edgeban: made'],
  ])('%s is looked for, and made once', async (_, line) => {
    expect(await setupWith(line, { kind, methods: ['POST'] })).toMatchObject({ code: 0 });
    const { namespaces, lists, tokens } = account.fake.control.state();
    expect([namespaces.length, lists.length, tokens.length]).toEqual([1, 1, 1]);
  });
});

test.each(['cut-after', '503', '429'] as const)(
  'teardown goes on after each of its deletions ends in %s',
  async (kind) => {
    account = await openAccount();
    await account.setup();
    account.fake.control.seedItems({
      list: 'edgeban',
      items: Array.from({ length: 1_200 }, (_, n) => ({
        ip: `203.0.${n >> 8}.${n & 255}`,
        comment: 'edgeban:main:2000000000 sshd',
      })),
    });
    account.fake.control.fault({ kind, methods: ['DELETE'], count: 2 });
    expect(await account.run(['teardown', '--yes'])).toMatchObject({ code: 0 });
    const left = account.fake.control.state();
    expect([left.namespaces, left.lists, left.tokens, left.scripts]).toEqual([[], [], [], {}]);
  },
);

describe('a Worker that fails once', () => {
  const key = 'k'.repeat(43);
  const replies: Readonly<Record<string, (body: string) => unknown>> = {
    'GET /v1/hosts': () => ({ hosts: [] }),
    'POST /v1/enroll-tokens': () => ({ token: 'a-token-of-one-time', expires_at: 2e9 }),
    'POST /v1/rotate': (body) => ({ host: 'web1', key: JSON.parse(body).key }),
  };

  test.each([
    ['hosts', 'No host is enrolled', []],
    ['token', 'a-token-of-one-time', []],
    ['rotate', 'The Worker knows the new key of web1', ['--dbfile']],
  ])('%s goes on', async (verb, said, wants) => {
    const dir = mkdtempSync(join(tmpdir(), 'edgeban-patience-'));
    let left = 1;
    const server = createServer(async (request, response) => {
      const reply = replies[`${request.method} ${request.url}`];
      const body = await text(request);
      if (left-- > 0) response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad gateway</html>');
      else response.end(JSON.stringify(reply?.(body)));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    try {
      const operator = { url, token: key, cloudflare: null, turnstile: null };
      writeFileSync(join(dir, 'operator.json'), JSON.stringify(operator), { mode: 0o600 });
      const files = edgeFiles(join(dir, 'edgeban.sqlite3'));
      makeKey(files.key);
      writeSettings(files.settings, { url, host: 'web1', ledger: randomUUID(), key: files.key });
      const words = wants.flatMap((word) => [word, join(dir, 'edgeban.sqlite3')]);
      const run = await edge([verb, ...words, '--operator-file', join(dir, 'operator.json')], { dir });
      expect(run).toMatchObject({ code: 0, out: expect.stringContaining(said) });
      expect(run.err).toContain('the Worker answered 502: again in 1 s');
    } finally {
      server.close();
      rmSync(dir, { recursive: true });
    }
  });
});

describe('patience', () => {
  const waits: number[] = [];
  const terminal = fakeTerminal();
  let clock = 0;
  const sleep = async (ms: number) => {
    waits.push(ms / 1000);
    clock += ms / 1000;
  };
  const patience = { terminal, now: () => clock, sleep };
  afterEach(() => waits.splice(0));
  const refused = (status: number, seconds?: string) => async () => {
    throw new EdgeRefusal(status, '', seconds);
  };

  test.each([
    [502, undefined, true, [1, 2, 4, 8]],
    [502, undefined, false, []],
    [429, undefined, false, [1, 2, 4, 8, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16]],
    [429, '300', true, [300]],
    [429, '3600', true, []],
    [403, undefined, true, []],
  ])('with answers of %i, Retry-After %s, repeatable: %s', async (status, seconds, isRepeatable, expected) => {
    await expect(patiently(patience, isRepeatable, refused(status, seconds))).rejects.toThrow(`answered ${status}`);
    expect(waits).toEqual(expected);
    const { asked_seconds_max } = patienceLimits;
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThanOrEqual(asked_seconds_max);
  });

  test('where no answer comes at all, the waiting for it counts: two tries', async () => {
    const silent = async () => {
      clock += operatorLimits.request_seconds_max;
      throw new EdgebanError('ERR_EDGE_TIMEOUT', 'did not answer in time');
    };
    await expect(patiently(patience, true, silent)).rejects.toThrow('did not answer in time');
    expect(waits).toEqual([1]);
  });

  test('a clock that stands still does not make it wait for ever', async () => {
    await expect(patiently({ ...patience, now: () => 0 }, true, refused(502))).rejects.toThrow('answered 502');
    expect(waits).toEqual([1, 2, 4, 8]);
  });

  test('does not try again what a person has ended', () => {
    expect(setbackOf(new EdgebanError('ERR_INTERRUPTED', 'interrupted'))).toBe(null);
  });
});
