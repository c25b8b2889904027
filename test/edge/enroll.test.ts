/** Enrolment: the key, the settings, and what goes wrong. */
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { enroll } from '../../host-agent/edge/enroll.ts';
import { publicKeyText, readKey } from '../../host-agent/edge/key.ts';
import { EdgeLink } from '../../host-agent/edge/link.ts';
import { readSettings, workerOrigin } from '../../host-agent/edge/settings.ts';
import { token, useBench } from './fake-link.ts';
import { ledger } from './fake-worker.ts';

const bench = useBench();

describe('enrolment', () => {
  test('makes a private key and settings, and keeps the key for a second try', async () => {
    const { files, worker, world } = bench();
    const settings = await enroll({ files, url: `${worker.url}/`, token, name: 'web1', world });
    expect(settings).toEqual({ url: worker.url, host: 'h1', ledger, key: files.key });
    expect(readSettings(files.settings)).toEqual(settings);
    expect(statSync(files.key).mode & 0o777).toBe(0o600);
    expect(statSync(files.settings).mode & 0o777).toBe(0o600);
    expect(readFileSync(files.settings, 'utf8')).not.toContain(token);
    const pem = readFileSync(files.key, 'utf8');
    expect(pem).toContain('BEGIN PRIVATE KEY');
    await enroll({ files, url: worker.url, token, name: 'web1', world });
    expect(readFileSync(files.key, 'utf8')).toBe(pem);
  });

  test('a host that was revoked gets a new key in the place of the one that never comes back', async () => {
    const { files, worker, world } = bench();
    const again = () => enroll({ files, url: worker.url, token, name: 'web1', world });
    await again();
    const old = publicKeyText(readKey(files.key));
    worker.revoked = old;
    expect((await again()).key).toBe(files.key);
    const fresh = publicKeyText(readKey(files.key));
    expect(fresh).not.toBe(old);
    expect(worker.key?.export({ format: 'jwk' })['x']).toBe(fresh);
    expect(existsSync(`${files.key}.next`)).toBe(false);
    await again();
    expect(publicKeyText(readKey(files.key))).toBe(fresh);
  });

  test('a used token is told as such, without the token', async () => {
    const { files, worker, world } = bench();
    const used = `used-${token}`;
    const error: unknown = await enroll({ files, url: worker.url, token: used, name: 'web1', world }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: 'ERR_EDGE_REFUSED',
      problem: 'ERR_ENROLL_TOKEN',
      remedy: expect.stringContaining('new token'),
    });
    expect(String(error)).not.toContain(used);
    expect(readSettings(files.settings)).toBeNull();
  });

  test('a key that others may read, or that is none, is refused', async () => {
    const { files, worker, outbox, sink, events, world } = bench();
    const settings = await enroll({ files, url: worker.url, token, name: 'web1', world });
    const open = () => new EdgeLink({ settings, outbox, sink, events, world });
    chmodSync(files.key, 0o640);
    expect(open).toThrow('others than its owner may read the key');
    chmodSync(files.key, 0o600);
    writeFileSync(files.key, 'no key, but secret');
    expect(open).toThrow('this is not a private key in PEM');
    rmSync(files.key);
    expect(open).toThrow('the key cannot be read');
  });

  test.each([
    'http://example.com',
    'ftp://10.0.0.1',
    'https://example.com/x',
    'https://u:p@example.com',
    'nonsense',
    'http://8.8.8.8',
  ])('%s is no address of a Worker', (url) => {
    expect(() => workerOrigin(url)).toThrow(expect.objectContaining({ code: 'ERR_EDGE_URL' }));
  });

  test.each([
    'https://example.com',
    'http://127.0.0.1:8787',
    'http://[::1]:8787',
    'http://198.51.100.1:8787',
    'http://localhost:1',
  ])('%s is one', (url) => {
    expect(workerOrigin(url)).toBe(url);
  });

  test('a password in a wrong address is not repeated', () => {
    expect(() => workerOrigin('https://u:hunter2@example.com')).toThrow(expect.not.stringContaining('hunter2'));
  });

  test('settings that were tampered with are refused with their place', async () => {
    const { files, worker, world } = bench();
    await enroll({ files, url: worker.url, token, name: 'web1', world });
    writeFileSync(files.settings, '{"url": 1}');
    expect(() => readSettings(files.settings)).toThrow(
      expect.objectContaining({ code: 'ERR_EDGE_SETTINGS', file: files.settings }),
    );
  });
});
