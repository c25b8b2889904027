/** The operator's verbs on the real Worker in workerd. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enroll } from '../../host-agent/edge/enroll.ts';
import { realWorld } from '../../host-agent/edge/world.ts';
import { makeRealWorker, type RealWorker } from '../edge/real-worker.ts';
import { edge } from './fake-world.ts';

let dir: string;
let worker: RealWorker;
let file: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-operator-'));
  worker = await makeRealWorker(dir);
  await worker.start();
  file = join(dir, 'operator.json');
  writeFileSync(file, JSON.stringify({ url: worker.url, token: worker.token }), { mode: 0o600 });
});

afterAll(async () => {
  await worker.kill();
  rmSync(dir, { recursive: true, force: true });
});

const run = (...words: string[]) => edge([...words, '--operator-file', file]);

test('a token enrols a host, that is listed and revoked', async () => {
  const opened = await run('token');
  expect(opened.code).toBe(0);
  expect(opened.out).toMatch(/^[A-Za-z0-9_-]{32}$/);
  expect(opened.err).toContain('for 60 minutes');
  const files = { settings: join(dir, 'edge.json'), key: join(dir, 'edge.key') };
  await enroll({ files, url: worker.url, token: opened.out, name: 'web1', world: realWorld });
  expect((await run('hosts')).out).toMatch(/^web1 {2}[0-9a-f-]{36} {2}seen \d+ s ago {2}0 bans$/);
  expect((await run('revoke', 'web1')).err).toContain('say --yes');
  expect((await edge(['revoke', 'web1', '--operator-file', file], { answers: ['n'] })).err).toContain(
    'nothing was changed',
  );
  expect((await run('hosts')).out).toContain('web1');
  expect(await edge(['revoke', 'web1', '--operator-file', file], { answers: ['yes'] })).toMatchObject({ code: 0 });
  expect((await run('hosts')).out).toContain('No host is enrolled');
  expect((await run('hosts', '--all')).out).toContain('revoked');
  expect(await run('revoke', 'web1', '--yes')).toMatchObject({
    code: 255,
    err: expect.stringContaining('ERR_HOST_UNKNOWN'),
  });
});

test('bans and lifts', async () => {
  const banned = await run('ban', '203.0.113.9', '--bantime', '1d', '--json');
  expect(JSON.parse(banned.out).until).toBeGreaterThan(Date.now() / 1000 + 86_000);
  expect((await run('ban', '2001:DB8::1', '--bantime', '-1')).out).toContain('2001:db8::1 for ever');
  expect(await run('unban', '203.0.113.9')).toMatchObject({ code: 0, out: 'Lifted 203.0.113.9; 1 held it' });
  expect(await run('unban', '203.0.113.9')).toMatchObject({
    code: 255,
    err: expect.stringContaining('ERR_NOT_BANNED'),
  });
});

test.each([
  [['ban'], 'ERR_USAGE'],
  [['ban', 'example.org'], 'ERR_ADDRESS_INVALID'],
  [['ban', '192.0.2.1', '--bantime', 'soon'], 'ERR_USAGE'],
  [['ban', '192.0.2.1', '192.0.2.2'], 'ERR_USAGE'],
  [['ban', '127.0.0.1'], 'ERR_EDGE_REFUSED'],
  [['hosts', '--token', 'x'], 'ERR_USAGE'],
])('%j is refused: %s', async (words, code) => {
  expect(await run(...words)).toMatchObject({ code: 255, err: expect.stringContaining(code) });
});

describe("the operator's file", () => {
  test('that others may read is not used', async () => {
    chmodSync(file, 0o644);
    expect((await run('hosts')).err).toContain(`chmod 600 ${file}`);
    chmodSync(file, 0o600);
  });

  test('a wrong token is told, and shown nowhere', async () => {
    const other = join(dir, 'other.json');
    const token = 'a-token-that-is-none-of-ours';
    writeFileSync(other, JSON.stringify({ url: worker.url, token }), { mode: 0o600 });
    const said = await edge(['hosts', '--operator-file', other]);
    expect(said.err).toContain('ERR_AUTH_OPERATOR');
    expect(said.err + said.out).not.toContain(token);
  });

  test('that is broken is not quoted', async () => {
    const other = join(dir, 'broken.json');
    writeFileSync(other, '{"url": "https://edge.example", "token": "secret-secret-secret",}', { mode: 0o600 });
    const said = await edge(['hosts', '--operator-file', other]);
    expect(said).toMatchObject({ code: 255, err: expect.stringContaining('not JSON') });
    expect(said.err).not.toContain('secret-secret');
    expect((await edge(['hosts', '--operator-file', join(dir, 'none.json')])).err).toContain('edgeban edge setup');
  });
});
