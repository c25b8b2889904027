/** What an administrator has around the service: answers for programs, manual pages, completion, the sandbox. */
import { strict as assert } from 'node:assert';
import { type Machine, run, sh } from './machine.ts';
import { client } from './service.ts';
import type { Step } from './step.ts';

const banned = '203.0.113.140';

const questions = [
  'ping',
  'version',
  'status',
  'status sshd',
  'status --all',
  'stats',
  'banned',
  'get sshd banip',
  'get sshd banip --with-time',
  'get sshd ignoreip',
  'get loglevel',
] as const;

async function answerTo(machine: Machine, words: string): Promise<unknown> {
  const { code, stdout, stderr } = await run(machine, `edgeban-client --json ${words}`);
  assert.equal(code, 0, `${words}: ${stderr}`);
  assert.equal(stdout.trimEnd().includes('\n'), false, `${words}: more than one line`);
  return JSON.parse(stdout);
}

/** What bash offers after these words, by the file that bash-completion finds for the program. */
function completed(machine: Machine, program: string, ...words: readonly string[]): Promise<string> {
  const line = [program, ...words].map((word) => `'${word}'`).join(' ');
  const script = `. /usr/share/bash-completion/bash_completion
    { _comp_load ${program} || __load_completion ${program}; } 2>/dev/null
    f=$(complete -p ${program} | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    COMP_WORDS=(${line}) COMP_CWORD=${words.length}
    $f; printf '%s ' "\${COMPREPLY[@]}"`;
  return sh(machine, `bash -c '${script.replaceAll("'", `'\\''`)}'`);
}

async function page(machine: Machine, name: string): Promise<string> {
  const { stdout, stderr } = await run(machine, `export MANWIDTH=100 LC_ALL=C.UTF-8; man --warnings ${name} | col -b`);
  assert.equal(stderr, '', name);
  assert.match(stdout, /^NAME\n/m, name);
  return `${name}: ${stdout.split('\n').length} lines`;
}

export const tools: readonly Step[] = [
  {
    name: 'the client answers programs: --json',
    async play({ machine }) {
      await client(machine, `set sshd banip ${banned}`);
      const told: string[] = [];
      for (const words of questions) told.push(`${words}: ${JSON.stringify(await answerTo(machine, words))}`);
      const status = (await answerTo(machine, 'status sshd')) as { actions: { banned_ip_list: string[] } };
      assert.ok(status.actions.banned_ip_list.includes(banned));
      const { code, stdout } = await run(machine, 'edgeban-client --json status nowhere');
      assert.equal(code, 255);
      assert.equal(JSON.parse(stdout).error.code, 'ERR_JAIL_UNKNOWN');
      const test = JSON.parse((await run(machine, 'edgeban-client --json -t')).stdout);
      assert.equal(test.ok, true);
      // there is nobody here who answers DNS: the rows are there, and the log tells
      assert.match(await client(machine, 'status sshd cymru'), /Banned RIR list:/);
      await client(machine, `set sshd unbanip ${banned}`);
      return told;
    },
  },
  {
    name: 'manual pages render, bash completes',
    async play({ machine }) {
      const names = await sh(machine, "dpkg -L edgeban | sed -n 's|.*/man/man./\\(.*\\)\\.[0-9]\\.gz$|\\1|p'");
      const pages: string[] = [];
      for (const name of names.split('\n')) pages.push(await page(machine, name));
      assert.ok(pages.length >= 5, names);
      const jails = await completed(machine, 'edgeban-client', 'status', 'ss');
      assert.equal(jails.trim(), 'sshd');
      assert.match(await completed(machine, 'edgeban-client', 'fl'), /flushlogs/);
      assert.match(await completed(machine, 'edgeban-regex', '--print-all'), /--print-all-matched/);
      return [...pages, `edgeban-client status ss[TAB]: ${jails}`];
    },
  },
  {
    name: 'the sandbox: systemd-analyze security; ps knows the daemon by its name',
    async play({ machine }) {
      const pid = await sh(machine, 'systemctl show -p MainPID --value edgeban');
      assert.equal(await sh(machine, 'pgrep -x edgeban-server'), pid);
      const said = await sh(machine, 'systemd-analyze security --no-pager edgeban.service');
      return said.split('\n').filter((line) => /^✗|exposure level/.test(line.trim()));
    },
  },
];
