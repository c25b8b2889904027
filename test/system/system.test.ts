/** Whole hosts in namespaces of their own: each scene is played by play.ts inside them. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { systemPath, unshareOptions } from '../world/enter.ts';
import { scenes } from './scenes.ts';

const enter = fileURLToPath(new URL('../world/enter.ts', import.meta.url));
const play = fileURLToPath(new URL('play.ts', import.meta.url));
const programs = ['nft', 'ip', 'sshd', 'ssh', 'journalctl', 'nsenter'];

/** Why the scenes cannot be played here; null if they can. */
function obstacle(): string | null {
  const found = unshareOptions();
  if ('reason' in found) return `no namespaces of our own: ${found.reason}`;
  const folders = systemPath().split(':');
  const missing = programs.filter((program) => !folders.some((folder) => existsSync(`${folder}/${program}`)));
  return missing.length === 0 ? null : `missing: ${missing.join(', ')}`;
}

describe('on real parts', () => {
  const reason = obstacle();
  for (const name of scenes.keys()) {
    it(name, async (test) => {
      if (reason !== null) test.skip(reason);
      if (name.startsWith('dashboard') && !existsSync('/usr/bin/chromium')) test.skip('missing: chromium');
      const output = await run([enter, process.execPath, play, name]);
      const last = JSON.parse(output.trim().split('\n').at(-1) ?? '');
      expect(last.evidence).toEqual(expect.anything());
      expect(last, JSON.stringify(last.evidence)).toMatchObject({ ok: true });
    });
  }
});

function run(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}
