/** The manual pages and the completion name what the programs know. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { edgebanHelp } from '../../host-agent/cli/edgeban-help.ts';
import { helpText } from '../../host-agent/cli/help.ts';
import { entriesOf, optionsIn, wordsOf } from '../../host-agent/debian/help.ts';
import { completion, manualPages, roff } from '../../host-agent/debian/pages.ts';
import { helpText as regexHelp } from '../../host-agent/regex/help.ts';

const helpOf = (program: string): string => {
  if (program === 'edgeban-client' || program === 'edgeban-server') return helpText(program);
  return program === 'edgeban-regex' ? regexHelp : edgebanHelp;
};
const pages = manualPages({ version: '1.2.3-1', epoch: 1_790_000_000, helpOf });
const page = (name: string) => pages[name] ?? '';

describe('a manual page', () => {
  it('is there for each program and for the configuration', () =>
    expect(Object.keys(pages).toSorted()).toEqual([
      'man1/edgeban-client.1',
      'man1/edgeban-regex.1',
      'man1/edgeban-server.1',
      'man1/edgeban.1',
      'man5/edgeban-jail.conf.5',
    ]));

  it.each(['edgeban-client', 'edgeban-server', 'edgeban-regex'])('of %s names its options', (program) => {
    const options = optionsIn(entriesOf(helpOf(program), 'Options:'));
    expect(options.length).toBeGreaterThan(15);
    for (const option of options) expect(page(`man1/${program}.1`)).toContain(roff(option));
  });

  it("of the client names each of the client's commands", () => {
    const commands = entriesOf(helpOf('edgeban-client'), 'Command:');
    expect(commands.length).toBeGreaterThan(20);
    for (const { term } of commands) expect(page('man1/edgeban-client.1')).toContain(roff(term));
  });

  it('has its date and version, and no gap left', () => {
    for (const text of Object.values(pages)) {
      expect(text).toContain('2026-09-21');
      expect(text).toContain('1.2.3-1');
      expect(text).not.toMatch(/@\w+@/);
    }
  });

  it('can be set by groff without a complaint', (context) => {
    if (spawnSync('groff', ['--version']).error !== undefined) context.skip('needs groff');
    for (const [name, text] of Object.entries(pages)) {
      const set = spawnSync('groff', ['-man', '-Tascii', '-ww', '-z'], { input: text, encoding: 'utf8' });
      expect(set.stderr, name).toBe('');
    }
  });

  it('prints what roff would take for its own', () => expect(roff(".a\n'b\\c -d")).toBe("\\&.a\n\\&'b\\ec \\-d"));
});

describe('the completion', () => {
  const script = completion(helpOf);
  /** What bash offers for the last of `words`, with a client that answers as ours does. */
  const offered = (...words: string[]): string[] => {
    const folder = mkdtempSync(join(tmpdir(), 'edgeban-completion-'));
    try {
      writeFileSync(join(folder, 'script'), script);
      writeFileSync(join(folder, 'help'), edgebanHelp);
      const ask = `edgeban-client() { printf 'Status\\n\`- Jail list:\\tsshd, nginx\\n'; }
        edgeban() { cat "\${0%script}help"; }
        . "$0"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); "_\${1//-/_}"; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const told = spawnSync('bash', ['-c', ask, join(folder, 'script'), ...words], { encoding: 'utf8' });
      expect(told.stderr).toBe('');
      return told.stdout.trim().split('\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it('offers every command of the help, and the options', () => {
    const { first } = wordsOf(entriesOf(helpOf('edgeban-client'), 'Command:'));
    expect(offered('edgeban-client', '')).toEqual(expect.arrayContaining([...first, '--str2sec', '-t']));
    expect(offered('edgeban-client', 'sta')).toEqual(['start', 'status', 'stats']);
  });

  it('offers jails, and what can be done with them', () => {
    expect(offered('edgeban-client', 'status', 's')).toEqual(['sshd']);
    expect(offered('edgeban-client', '-c', '/x', 'set', 'sshd', 'ban')).toEqual(['banip', 'bantime']);
    expect(offered('edgeban-client', 'set', 'log')).toEqual(expect.arrayContaining(['loglevel']));
    expect(offered('edgeban-client', 'reload', '--un')).toEqual(['--unban']);
  });

  it('offers the verbs of the edge, and what each takes', () => {
    expect(offered('edgeban', '')).toEqual(expect.arrayContaining(['edge', 'import-fail2ban', '--help']));
    expect(offered('edgeban', 'edge', 'te')).toEqual(['teardown']);
    expect(offered('edgeban', 'edge', 'setup', '--to')).toEqual(['--token-file']);
    expect(offered('edgeban', 'edge', 'hosts', '--')).toEqual(['--all', '--operator-file', '--json', '--yes']);
  });
});
