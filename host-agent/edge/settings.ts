/** What an enrolled host knows of its Worker, in a file beside its database. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { contains, type Prefix, parseAddress, parsePrefix } from '../../shared/address.ts';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import { replacePrivate } from '../system/private-file.ts';

const EdgeSettings = z.strictObject({
  url: z.string(),
  host: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  ledger: z.uuid(),
  /** Path of the private key. */
  key: z.string().min(1),
});
export type EdgeSettings = z.infer<typeof EdgeSettings>;

const settings_bytes_max = 16 * 1024;

/** Null if the host is not enrolled. Throws ERR_EDGE_SETTINGS if the file is there but of no use. */
export function readSettings(path: string): EdgeSettings | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  if (!stat.isFile() || stat.size > settings_bytes_max) throw settingsError(path, 'this is not a settings file');
  const parsed = EdgeSettings.safeParse(parseJson(path));
  if (!parsed.success) throw settingsError(path, z.prettifyError(parsed.error).replaceAll('\n', ' '));
  return { ...parsed.data, url: workerOrigin(parsed.data.url) };
}

/** What the unit sets where there is no key yet (SetCredential=): systemd has no credential that may be missing. */
const noCredential = 'none';

/** The key as systemd hands it over (LoadCredential=edge.key:…) goes before the file, which the daemon then cannot read. */
export function withCredential(
  settings: EdgeSettings | null,
  env: Readonly<Record<string, string | undefined>>,
): EdgeSettings | null {
  const folder = env['CREDENTIALS_DIRECTORY'];
  if (settings === null || folder === undefined) return settings;
  const key = join(folder, 'edge.key');
  if (!existsSync(key) || readFileSync(key, 'utf8').trim() === noCredential) return settings;
  return { ...settings, key };
}

/** Replaces the file in one step, mode 0600. */
export function writeSettings(path: string, settings: EdgeSettings): void {
  try {
    replacePrivate(path, `${JSON.stringify(settings, null, 2)}\n`);
  } catch (cause) {
    throw settingsError(path, messageOf(cause), cause);
  }
}

/**
 * The origin of a Worker's address. https always, except to addresses that do not leave a private network or a
 * laboratory, where there is no certificate to be had. Throws ERR_EDGE_URL.
 */
export function workerOrigin(text: string): string {
  const url = URL.parse(text);
  if (url === null) throw urlError(text, 'not a URL');
  const bare =
    url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  if (!bare) throw urlError(url.origin, 'the address has a path, a query or a password');
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isNear(url.hostname))) return url.origin;
  throw urlError(url.origin, 'not https');
}

const nearNetworks: readonly Prefix[] = [
  ...['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '::1', 'fc00::/7', 'fe80::/10'],
  // RFC 5737, RFC 3849: documentation, hence laboratories
  ...['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32'],
].flatMap((text) => parsePrefix(text) ?? []);

function isNear(hostname: string): boolean {
  if (hostname === 'localhost') return true;
  const address = parseAddress(hostname);
  return address !== null && nearNetworks.some((network) => contains(network, address));
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw settingsError(path, messageOf(cause), cause);
  }
}

function settingsError(file: string, message: string, cause?: unknown): EdgebanError {
  return new EdgebanError('ERR_EDGE_SETTINGS', message, {
    file,
    remedy: 'enrol this host again (edgeban edge enroll)',
    cause,
  });
}

function urlError(url: string, why: string): EdgebanError {
  return new EdgebanError('ERR_EDGE_URL', `${url}: ${why}`, {
    remedy: 'give the address as https://name, without a path',
  });
}
