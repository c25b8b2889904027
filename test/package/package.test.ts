/** The packages of dist/, as far as they can be looked at without installing them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { filesIn } from '../../host-agent/debian/deb.ts';
import { version } from '../../host-agent/version.ts';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
const etc = fileURLToPath(new URL('../../host-agent/etc/', import.meta.url));
const main = join(dist, `edgeban_${version}-1_amd64.deb`);
const companion = join(dist, `edgeban-fail2ban_${version}-1_all.deb`);
const isBuilt = [main, companion].every((file) => existsSync(file));

const folder = mkdtempSync(join(tmpdir(), 'edgeban-package-test-'));
const root = join(folder, 'edgeban');
const old = join(folder, 'edgeban-fail2ban');

beforeAll(() => {
  if (!isBuilt) return;
  execFileSync('dpkg-deb', ['--raw-extract', main, root]);
  execFileSync('dpkg-deb', ['--raw-extract', companion, old]);
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach((context) => {
  if (!isBuilt) context.skip('needs the packages: npm run package');
});

const linesOf = (path: string) => readFileSync(path, 'utf8').trim().split('\n');
const installed = () => filesIn(root).filter((path) => !path.startsWith('DEBIAN/'));

describe('the package', () => {
  it('has every file of /etc as a conffile, and the whole configuration', () => {
    const inEtc = installed().filter((path) => path.startsWith('etc/'));
    expect(linesOf(join(root, 'DEBIAN/conffiles'))).toEqual(inEtc.map((path) => `/${path}`));
    expect(inEtc).toEqual(expect.arrayContaining(filesIn(etc).map((path) => `etc/edgeban/${path}`)));
  });

  it('switches sshd on in a file that sorts before what an administrator writes', () => {
    const [first = '', ...more] = readdirSync(join(root, 'etc/edgeban/jail.d'));
    expect(more).toEqual([]);
    expect(first < '99-local.conf' && first < 'defaults.conf').toBe(true);
    expect(readFileSync(join(root, 'etc/edgeban/jail.d', first), 'utf8')).toMatch(/\[sshd\]\nenabled = true/);
  });

  it('has the checksum of each file', () => {
    const check = spawnSync('md5sum', ['--quiet', '-c', 'DEBIAN/md5sums'], { cwd: root, encoding: 'utf8' });
    expect(check.stdout + check.stderr).toBe('');
  });

  it('needs no newer C library than that of Debian 11', (context) => {
    if (spawnSync('objdump', ['--version']).error !== undefined) context.skip('needs objdump');
    const addons = ['native/sd-notify.node', 'native/give-back.node'];
    for (const name of ['node', ...addons, 'node_modules/re2/build/Release/re2.node']) {
      const table = execFileSync('objdump', ['-T', join(root, 'usr/lib/edgeban', name)], {
        encoding: 'utf8',
        maxBuffer: 256 * 1024 * 1024,
      });
      const minors = [...table.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
      expect(Math.max(...minors), name).toBeLessThanOrEqual(31);
      expect(minors.length, name).toBeGreaterThan(0);
      // Debian 11 has libstdc++ 10
      const patches = [...table.matchAll(/GLIBCXX_3\.4\.(\d+)/g)].map(([, patch]) => Number(patch));
      expect(Math.max(0, ...patches), name).toBeLessThanOrEqual(28);
    }
  });

  it('runs without a Node beside it', () => {
    const node = join(root, 'usr/lib/edgeban/node');
    const run = (...words: string[]) =>
      spawnSync(node, [join(root, 'usr/lib/edgeban/host-agent/main.js'), ...words], { encoding: 'utf8', env: {} });
    expect(run('edgeban-client', '-V').stdout).toBe(`${version}\n`);
    const tried = run('edgeban-regex', '-c', join(root, 'etc/edgeban'), 'failed: 192.0.2.1', '^failed: <ADDR>$');
    expect(tried.stdout).toMatch(/1 matched/);
    expect(run('edgeban-client', '-c', join(root, 'etc/edgeban'), '-t').stderr).not.toMatch(/error:/);
    expect(readFileSync(join(root, 'usr/lib/edgeban/worker/index.js'), 'utf8')).toContain('cloudflare:workers');
  });

  it('says what it installs, and belongs to root', () => {
    const listing = execFileSync('dpkg-deb', ['--contents', main], { encoding: 'utf8' });
    for (const line of listing.trim().split('\n')) expect(line).toMatch(/^\S+ root\/root /);
    const size = Number(/^Installed-Size: (\d+)$/m.exec(readFileSync(join(root, 'DEBIAN/control'), 'utf8'))?.[1]);
    expect(size).toBeGreaterThan(100_000);
    expect(size).toBeLessThan(120_000);
  });

  it('is found without error by lintian', (context) => {
    if (spawnSync('lintian', ['--version']).error !== undefined) context.skip('needs lintian');
    const found = spawnSync('lintian', ['--fail-on', 'error', main, companion], { encoding: 'utf8' });
    expect(found.stdout.split('\n').filter((line) => line.startsWith('E:'))).toEqual([]);
    expect(found.status).toBe(0);
  }, 240_000);
});

describe('the maintainer scripts', () => {
  it('can be read by a shell', () => {
    for (const [tree, names] of [
      [root, ['postinst', 'prerm', 'postrm']],
      [old, ['postinst', 'postrm']],
    ] as const) {
      for (const name of names) execFileSync('sh', ['-n', join(tree, 'DEBIAN', name)]);
    }
  });
});

describe('the companion', () => {
  it("takes fail2ban's names and place, and nothing of its configuration", () => {
    const names = ['fail2ban-client', 'fail2ban-regex', 'fail2ban-server'];
    expect(readdirSync(join(old, 'usr/bin'))).toEqual(names);
    expect(existsSync(join(old, 'etc'))).toBe(false);
    const control = readFileSync(join(old, 'DEBIAN/control'), 'utf8');
    for (const field of ['Provides', 'Conflicts', 'Replaces']) expect(control).toMatch(`${field}: fail2ban\n`);
  });
});
