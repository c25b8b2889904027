/** Every jail that we ship can be switched on as it stands. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readJails } from '../../shared/config/jail-conf.ts';
import { diskFiles } from './files.ts';

const shipped = new URL('../../host-agent/etc/', import.meta.url).pathname;
const server = new URL('../../host-agent/bin/edgeban-server', import.meta.url).pathname;

const names = [...readFileSync(`${shipped}jail.conf`, 'utf8').matchAll(/^\[([a-z0-9-]+)\]$/gm)].map(
  ([, name = '']) => name,
);

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-etc-'));
  cpSync(shipped, dir, { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true }));

function switchOn(jails: readonly string[]): void {
  writeFileSync(join(dir, 'jail.local'), jails.map((name) => `[${name}]\nenabled = true\n`).join('\n'));
}

describe('the shipped configuration', () => {
  it('passes -t with all jails switched on', () => {
    switchOn(names);
    const { status, stdout, stderr } = spawnSync(server, ['-c', dir, '-t'], { encoding: 'utf8' });
    // Which logs this machine has is told by notices and warnings.
    const findings = stderr
      .split('\n')
      .filter((line) => line !== '' && !line.includes('no log file is there') && !line.includes('ERR_CONFIG_LOGPATH'));
    expect({ findings, status, stdout }).toEqual({
      findings: [],
      status: 0,
      stdout: 'OK: configuration test is successful\n',
    });
  });

  it('has all jails off until someone switches them on', () => {
    expect(readJails(diskFiles, dir, () => 0)).toEqual({ jails: [], leftOut: [], findings: [] });
  });

  it('gives each jail a log, a filter of its own and an action', () => {
    switchOn(names);
    const { jails } = readJails(diskFiles, dir, () => 0);
    expect(jails.map(({ name }) => name)).toEqual(names);
    for (const jail of jails) {
      expect(jail.logpath.length + jail.filter.journalmatch.length, jail.name).toBeGreaterThan(0);
      expect(jail.filter.failregex.length, jail.name).toBeGreaterThan(0);
      expect(
        jail.actions.map(({ name }) => name),
        jail.name,
      ).toEqual(['nftables']);
      if (jail.backend.name === 'systemd') expect(jail.filter.journalmatch, jail.name).not.toEqual([]);
    }
  });

  it('keeps those who come back out for a week', () => {
    switchOn(['recidive']);
    const recidive = readJails(diskFiles, dir, () => 0).jails[0];
    expect(recidive).toMatchObject({ bantime: 604_800, findtime: 86_400, maxretry: 5 });
  });
});
