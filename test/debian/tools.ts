/** What an administrator has around the service: answers for programs, manual pages, completion, the sandbox. */
import { strict as assert } from 'node:assert';
import { until } from '../world/wait.ts';
import { type Machine, run, sh, write } from './machine.ts';
import { client, configFolder, restart } from './service.ts';
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

/** Where the figures go; the file is for a node_exporter, which is another user. */
const metricsConf = `[Metrics]
listen = /run/edgeban/metrics.sock
textfile = /run/edgeban/edgeban.prom
`;

const scrape = `python3 -c 'import socket
s = socket.socket(socket.AF_UNIX)
s.connect("/run/edgeban/metrics.sock")
s.send(b"GET /metrics HTTP/1.0\\r\\n\\r\\n")
print(b"".join(iter(lambda: s.recv(65536), b"")).decode())'`;

const figure = 'edgeban_jail_banned{jail="sshd"} 1';

async function showFigures(machine: Machine): Promise<string[]> {
  const scraped = await sh(machine, scrape);
  assert.match(scraped, /^HTTP\/1.1 200 OK/);
  assert.ok(scraped.includes(figure), scraped);
  assert.notEqual((await run(machine, `runuser -u nobody -- ${scrape}`)).code, 0, "the socket is root's");
  const file = () => run(machine, 'runuser -u nobody -- cat /run/edgeban/edgeban.prom');
  await until('the file', async () => (await file()).stdout.includes(figure));
  await client(machine, 'reload');
  const status = await sh(machine, 'systemctl show -p StatusText --value edgeban');
  assert.match(status, /^1 jail, \d+ banned/);
  await client(machine, `set sshd unbanip ${banned}`);
  return [status, ...scraped.split('\n').filter((line) => /^(edgeban|process)_/.test(line))];
}

export const tools: readonly Step[] = [
  {
    name: 'in the sandbox: figures at a socket and in a file, a line in systemctl status',
    async play({ machine }) {
      await write(machine, `${configFolder}/edgeban.local`, metricsConf);
      await client(machine, 'unban --all');
      await client(machine, `set sshd banip ${banned}`);
      try {
        // the file is written with the start, and then each 15 s
        await restart(machine);
        return await showFigures(machine);
      } finally {
        await sh(machine, `rm ${configFolder}/edgeban.local`);
        await restart(machine);
      }
    },
  },
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
