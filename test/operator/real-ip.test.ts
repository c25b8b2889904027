/** What the doctor says of web servers, read from configurations as they stand on hosts. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realIpFindings } from '../../host-agent/operator/doctor/real-ip.ts';
import { cloudflareRanges } from '../../shared/engine/guard.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgeban-real-ip-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function file(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const finding = () => realIpFindings(root)[0];
const nginx = (ranges: readonly string[]) => ranges.map((range) => `set_real_ip_from ${range};`).join('\n');

test('a host without a web server', () => {
  expect(finding()).toMatchObject({ grade: 'ok', about: 'web server' });
});

test('nginx, through its includes', () => {
  file('etc/nginx/nginx.conf', 'http {\n  include /etc/nginx/conf.d/*.conf;\n  include mime.types;\n}\n');
  expect(finding()).toMatchObject({ grade: 'warning', text: expect.stringContaining("name Cloudflare's addresses") });
  file('etc/nginx/conf.d/cloudflare.conf', `${nginx(cloudflareRanges)}\nreal_ip_header CF-Connecting-IP;\n`);
  expect(finding()).toMatchObject({ grade: 'ok', text: expect.stringContaining('CF-Connecting-IP, and believes 22') });
});

test.each([
  [
    'a header that Cloudflare does not set',
    `${nginx(cloudflareRanges)} real_ip_header X-Client;`,
    'warning',
    'X-Client',
  ],
  [
    'ranges of years ago',
    `${nginx(cloudflareRanges.slice(2))} real_ip_header CF-Connecting-IP;`,
    'warning',
    '2 of Cloudflare',
  ],
  ['anybody', 'set_real_ip_from 0.0.0.0/0; real_ip_header X-Forwarded-For;', 'broken', 'from anybody'],
  [
    'what is commented out',
    `# real_ip_header CF-Connecting-IP;\n${nginx(cloudflareRanges)}`,
    'warning',
    'nobody will be banned',
  ],
])('nginx that believes %s', (_, text, grade, words) => {
  file('etc/nginx/nginx.conf', text);
  expect(finding()).toMatchObject({ grade, text: expect.stringContaining(words) });
});

test('Apache: the module has to be loaded, too', () => {
  file('etc/apache2/apache2.conf', 'IncludeOptional mods-enabled/*.load\nIncludeOptional conf-enabled/*.conf\n');
  file(
    'etc/apache2/conf-enabled/cf.conf',
    `RemoteIPHeader CF-Connecting-IP\nRemoteIPTrustedProxy ${cloudflareRanges.join(' ')}\n`,
  );
  expect(finding()).toMatchObject({ grade: 'warning', about: 'Apache' });
  file(
    'etc/apache2/mods-enabled/remoteip.load',
    'LoadModule remoteip_module /usr/lib/apache2/modules/mod_remoteip.so\n',
  );
  expect(finding()).toMatchObject({ grade: 'ok' });
});

test('Caddy', () => {
  file('etc/caddy/Caddyfile', 'example.org {\n  respond "hi"\n}\n');
  expect(finding()).toMatchObject({ grade: 'warning', about: 'Caddy' });
  const trusted = `trusted_proxies static ${cloudflareRanges.join(' ')}`;
  file('etc/caddy/Caddyfile', `{\n servers {\n  ${trusted}\n  client_ip_headers Cf-Connecting-Ip\n }\n}\n`);
  expect(finding()).toMatchObject({ grade: 'ok', text: expect.stringContaining('Cf-Connecting-Ip') });
});
