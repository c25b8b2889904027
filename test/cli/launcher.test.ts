/** The launchers in host-agent/bin: any folder, any link, the right Node. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { Netns, whyNot } from '../actions/netns.ts';

const launcher = fileURLToPath(new URL('../../host-agent/bin/edgeban', import.meta.url));
let root: string;

/** A checkout with a main.ts that prints what it was given. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgeban launcher-'));
  mkdirSync(join(root, 'host-agent/bin'), { recursive: true });
  mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
  copyFileSync(launcher, join(root, 'host-agent/bin/edgeban'));
  for (const name of ['edgeban-client', 'edgeban-server']) symlinkSync('edgeban', join(root, 'host-agent/bin', name));
  writeFileSync(
    join(root, 'host-agent/main.ts'),
    'console.log(JSON.stringify([process.version, ...process.argv.slice(2)]))',
  );
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function fakeNode(path: string, version: string): void {
  writeFileSync(path, `#!/bin/sh\n[ "$1" = --version ] && { echo ${version}; exit; }\necho "$0" "$@"\n`, {
    mode: 0o755,
  });
}

function run(path: string, words: readonly string[], searchPath = '/usr/bin:/bin') {
  const { status, stdout, stderr } = spawnSync(path, words, { encoding: 'utf8', cwd: '/', env: { PATH: searchPath } });
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
}

test("runs the checkout's Node with the program's name and all its words", () => {
  symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'));
  const { stdout } = run(join(root, 'host-agent/bin/edgeban-client'), ['set', 'a b', '$(x)']);
  expect(JSON.parse(stdout)).toEqual([process.version, 'edgeban-client', 'set', 'a b', '$(x)']);
});

test('through links, absolute and relative, under an old name too', () => {
  symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'));
  mkdirSync(join(root, 'usr'));
  symlinkSync('../host-agent/bin/edgeban-server', join(root, 'usr/relative'));
  symlinkSync(join(root, 'usr/relative'), join(root, 'fail2ban-server'));
  expect(JSON.parse(run(join(root, 'fail2ban-server'), ['-V']).stdout)).toEqual([
    process.version,
    'edgeban-server',
    '-V',
  ]);
});

test("a checkout's Node that does not work or is too old is passed over for the one on PATH", () => {
  mkdirSync(join(root, 'path'));
  fakeNode(join(root, 'path/node'), 'v25.1.0');
  const path = `${join(root, 'path')}:/usr/bin:/bin`;
  fakeNode(join(root, 'node_modules/.bin/node'), 'v24.14.9');
  expect(run(join(root, 'host-agent/bin/edgeban'), ['x'], path).stdout).toBe(
    `${root}/path/node ${root}/host-agent/main.ts edgeban x`,
  );
  writeFileSync(join(root, 'node_modules/.bin/node'), 'not a program', { mode: 0o755 });
  expect(run(join(root, 'host-agent/bin/edgeban'), ['x'], path).stdout).toContain('path/node');
});

test('without a Node that suits it says what is missing, in one line', () => {
  mkdirSync(join(root, 'path'));
  fakeNode(join(root, 'path/node'), 'v20.19.0');
  for (const tool of ['sh', 'readlink', 'dirname', 'basename']) {
    symlinkSync(
      execFileSync('/bin/sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(),
      join(root, 'path', tool),
    );
  }
  const { status, stderr } = run(join(root, 'host-agent/bin/edgeban-client'), ['ping'], join(root, 'path'));
  expect(status).toBe(255);
  expect(stderr).toMatch(/^edgeban-client: needs Node 24\.15 or newer: run 'npm run setup' in .*$/);
});

test("`edgeban-client start` gives the daemon the room that edgeban-server's launcher gives it", (ctx) => {
  const reason = whyNot();
  if (reason !== null) ctx.skip(reason);
  const netns = new Netns();
  onTestFinished(() => netns.remove());
  const places = ['socket', 'pidfile', 'dbfile', 'logtarget'].map((name) => `${name} = ${root}/${name}`);
  writeFileSync(join(root, 'edgeban.conf'), ['[Definition]', ...places, ''].join('\n'));
  writeFileSync(join(root, 'jail.conf'), '');
  const client = (word: string) => netns.run(join(dirname(launcher), 'edgeban-client'), '-c', root, word);
  expect(client('start')).toBe('Server ready\n');
  const pid = readFileSync(join(root, 'pidfile'), 'utf8').trim();
  const [words, environment] = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
  client('stop');
  expect(words?.split('\0').slice(1, 3)).toEqual(['--max-semi-space-size=8', '--heap-growing-percent=40']);
  expect(environment?.split('\0')).toContain('MALLOC_ARENA_MAX=1');
});
