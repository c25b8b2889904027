/** The log: fail2ban's lines, which nobody can forge, and its targets. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Log } from '../../host-agent/log/log.ts';
import { soon } from '../world/wait.ts';

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-log-'));
  path = join(dir, 'edgeban.log');
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

function open(level = 'INFO'): Log {
  return new Log({ target: path, level, now: () => new Date(2026, 10, 22, 15, 17, 39, 96), pid: 1854 });
}

const lines = (file = path) => readFileSync(file, 'utf8').split('\n').slice(0, -1);

interface Heard {
  text(): string;
  hear(): void;
  close(): Promise<void>;
}

/** A log daemon that takes streams; a deaf one reads nothing before it is told to. */
function listen(socket: string, { deaf = false } = {}): Heard {
  let text = '';
  const clients: Socket[] = [];
  const server = createServer((client) => {
    clients.push(client);
    if (deaf) client.pause();
    client.on('data', (chunk: Buffer) => (text += chunk.toString()));
    client.on('error', () => client.destroy());
    if (deaf) client.pause();
  });
  server.listen(socket);
  return {
    text: () => text,
    hear: () => {
      deaf = false;
      for (const client of clients) client.resume();
    },
    close: () => {
      for (const client of clients) client.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Node has no datagrams of unix sockets: Python listens. Null where it cannot. */
async function datagrams(socket: string): Promise<{ text(): string; end(): void } | null> {
  const code = [
    'import socket, sys',
    's = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)',
    's.bind(sys.argv[1])',
    'print("ready", flush=True)',
    'while True: print(s.recv(65536).decode(), flush=True)',
  ].join('\n');
  if (spawnSync('logger', ['--version']).status !== 0 || spawnSync('python3', ['--version']).status !== 0) return null;
  const child = spawn('python3', ['-c', code, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await vi.waitFor(() => expect(text).toContain('ready'), soon);
  return { text: () => text, end: () => child.kill() };
}

/** What the stock recidive filter wants of a line once its date is cut out (fail2ban 1.1.0, by hand, for IPv4). */
const recidive =
  /^\s*fail2ban\.actions\s*\[\d+\]:\s+NOTICE\s+\[(?!recidive\])(?:.*)\]\s+Ban\s+(\d+\.\d+\.\d+\.\d+)\s*$/;

describe('lines', () => {
  test("are fail2ban's", () => {
    const log = open();
    log.logger('actions').notice('[sshd] Ban 192.0.2.50');
    log.logger('filter').info('[sshd] Found 192.0.2.50 - 2026-11-22 15:17:38');
    log.logger('server').error('x');
    expect(lines()).toEqual([
      '2026-11-22 15:17:39,096 fail2ban.actions        [1854]: NOTICE  [sshd] Ban 192.0.2.50',
      '2026-11-22 15:17:39,096 fail2ban.filter         [1854]: INFO    [sshd] Found 192.0.2.50 - 2026-11-22 15:17:38',
      '2026-11-22 15:17:39,096 fail2ban.server         [1854]: ERROR   x',
    ]);
  });

  test('are what the recidive filter reads', () => {
    const log = open();
    log.logger('actions').notice('[sshd] Ban 192.0.2.50');
    log.logger('actions').notice('[recidive] Ban 192.0.2.51');
    const found = lines().map((line) => recidive.exec(line.slice(23))?.[1]);
    expect(found).toEqual(['192.0.2.50', undefined]);
  });

  test('cannot be forged: what an attacker wrote stays on its line', () => {
    const log = open();
    log
      .logger('filter')
      .warning(
        'user "x\n2026-11-22 15:17:39,096 fail2ban.actions [1]: NOTICE  [a] Ban 192.0.2.1\r\x1b[2J\u2028\u202e\0"',
      );
    const written = lines();
    expect(written).toHaveLength(1);
    expect(written[0]).toContain('user "x\\n2026');
    expect(written[0]).toContain('\\r\\x1b[2J\\u2028\\u202e\\x00"');
  });

  test('are bounded', () => {
    const log = open();
    log.logger('filter').warning('x'.repeat(1_000_000));
    expect(lines()[0]?.length).toBeLessThan(10_000);
  });
});

describe('levels', () => {
  test('INFO leaves out DEBUG, NOTICE leaves out INFO, a number works', () => {
    const log = open();
    const logger = log.logger('server');
    logger.debug('no');
    log.setLevel('notice');
    logger.info('no');
    logger.notice('yes');
    log.setLevel('10');
    logger.debug('yes');
    expect(lines().map((line) => line.split(' ').at(-1))).toEqual(['yes', 'yes']);
    expect(log.level).toBe('10');
  });

  test('an unknown one is refused and the old one stays', () => {
    const log = open();
    expect(() => log.setLevel('loud')).toThrow("Invalid log level 'LOUD'");
    expect(log.level).toBe('INFO');
  });
});

describe('targets', () => {
  test('reopen after a rename writes to the new file', () => {
    const log = open();
    log.logger('server').info('before');
    renameSync(path, `${path}.1`);
    log.logger('server').info('between');
    expect(log.reopen()).toBe('rolled over');
    log.logger('server').info('after');
    expect(lines(`${path}.1`)).toHaveLength(2);
    expect(lines().at(0)).toContain(`rollover performed on ${path}`);
    expect(lines().at(1)).toContain('after');
    expect(statSync(path).mode & 0o027).toBe(0);
  });

  test.each([
    ['relative.log', 'neither a target nor an absolute path'],
    ['/var/log/x.log[colour=on]', "no option 'colour'"],
    ['/var/log/x.log[datetime=maybe]', "datetime is on or off, not 'maybe'"],
    ['/var/log/x.log[facility=mail]', 'only SYSLOG has a facility'],
    ['/var/log/x.log[format="%(thread)s"]', 'format: %(thread)s'],
    ['SYSLOG[facility=nobody]', "there is no facility 'nobody'"],
  ])('%s is refused, and the old one stays', (target, why) => {
    expect(() => new Log({ target, level: 'INFO' })).toThrow(why);
    const log = open();
    expect(() => log.setTarget(target)).toThrow(why);
    log.logger('server').info('still here');
    expect(lines()).toHaveLength(1);
  });

  test.each([
    ['datetime=off', 'fail2ban.actions        [1854]: NOTICE  [sshd] Ban 192.0.2.50'],
    ['padding=off', '2026-11-22 15:17:39,096 fail2ban.actions[1854]: NOTICE [sshd] Ban 192.0.2.50'],
    [
      'format="%(levelname)-9.3s|%(asctime)s|%(name)20s|%(process)d|%(levelno)s|100%% %(message)s"',
      'NOT      |2026-11-22 15:17:39,096|    fail2ban.actions|1854|25|100% [sshd] Ban 192.0.2.50',
    ],
  ])('a file with %s', (options, line) => {
    const now = () => new Date(2026, 10, 22, 15, 17, 39, 96);
    const log = new Log({ target: `${path}[${options}]`, level: 'INFO', now, pid: 1854 });
    log.logger('actions').notice('[sshd] Ban 192.0.2.50');
    expect(lines()).toEqual([line]);
    expect(log.target).toBe(path);
    renameSync(path, `${path}.1`);
    log.reopen();
    log.logger('actions').notice('[sshd] Ban 192.0.2.50');
    expect(lines().at(-1)).toBe(line);
  });

  test('the journal: its header, then each line behind its priority', async () => {
    const socket = join(dir, 'stdout');
    const heard = listen(socket);
    const log = new Log({ target: 'SYSTEMD-JOURNAL', level: 'INFO', pid: 1854, journal: socket });
    log.logger('actions').notice('[sshd] Ban 192.0.2.50');
    log.logger('server').error('two\nlines');
    const stream = (name: string, ...said: readonly string[]) =>
      [name, '', '30', '1', '0', '0', '0', ...said, ''].join('\n');
    await vi.waitFor(() => {
      expect(heard.text()).toContain(stream('fail2ban.actions', '<5>NOTICE [sshd] Ban 192.0.2.50'));
      expect(heard.text()).toContain(stream('fail2ban.server', '<3>ERROR two\\nlines'));
    }, soon);
    expect(log.reopen()).toBe('flushed');
    log.close();
    await heard.close();
  });

  test('the journal ends and begins again', async () => {
    const socket = join(dir, 'stdout');
    const first = listen(socket);
    const log = new Log({ target: 'SYSTEMD-JOURNAL', level: 'INFO', journal: socket });
    log.logger('server').info('before');
    await vi.waitFor(() => expect(first.text()).toContain('before'), soon);
    await first.close();
    const second = listen(socket);
    await vi.waitFor(() => {
      log.logger('server').info('after');
      expect(second.text()).toMatch(/^fail2ban\.server\n[\s\S]*after/);
    }, soon);
    log.close();
    await second.close();
  });

  test('a journal that does not read costs no more memory than it may, and is told of what was lost', async () => {
    const socket = join(dir, 'stdout');
    const heard = listen(socket, { deaf: true });
    const log = new Log({ target: 'SYSTEMD-JOURNAL', level: 'INFO', journal: socket });
    for (let at = 0; at < 1_000; at += 1) log.logger('server').info('x'.repeat(4_000));
    heard.hear();
    await vi.waitFor(() => {
      log.logger('server').info('again');
      expect(heard.text()).toMatch(/\d+ log line\(s\) lost: they could not be written/);
    }, soon);
    expect(heard.text().length).toBeLessThan(3_000_000);
    log.close();
    await heard.close();
  });

  test('a socket that is not there is named', () => {
    const journal = join(dir, 'none');
    expect(() => new Log({ target: 'SYSTEMD-JOURNAL', level: 'INFO', journal })).toThrow(
      `Syslog socket file: ${journal}`,
    );
    expect(() => new Log({ target: 'SYSLOG', level: 'INFO', syslogsocket: journal })).toThrow(journal);
  });

  test("syslog: datagrams that a syslog daemon reads as it reads fail2ban's", async (ctx) => {
    const socket = join(dir, 'log');
    const heard = await datagrams(socket);
    if (heard === null) return ctx.skip('needs Python, to listen for datagrams, and logger');
    const log = new Log({ target: 'SYSLOG[facility=local3]', level: 'INFO', pid: 1854, syslogsocket: socket });
    log.logger('actions').notice('[sshd] Ban 192.0.2.50');
    log.logger('server').error('x');
    const plain = new Log({ target: 'SYSLOG[format="%(message)s"]', level: 'INFO', pid: 1854, syslogsocket: socket });
    plain.logger('actions').notice('[sshd] Ban 192.0.2.51');
    // the host's name stands there only where the socket is not the local syslog daemon's
    const stamp = String.raw`\w{3} [ \d]\d \d\d:\d\d:\d\d (?:\S+ )?`;
    await vi.waitFor(() => {
      const all = heard.text();
      expect(all).toMatch(
        new RegExp(`^<157>${stamp}fail2ban\\.actions\\[1854\\]: NOTICE \\[sshd\\] Ban 192\\.0\\.2\\.50$`, 'm'),
      );
      expect(all).toMatch(new RegExp(`^<155>${stamp}fail2ban\\.server\\[1854\\]: ERROR x$`, 'm'));
      expect(all).toMatch(new RegExp(`^<29>${stamp}edgeban\\[1854\\]: \\[sshd\\] Ban 192\\.0\\.2\\.51$`, 'm'));
    }, soon);
    log.close();
    plain.close();
    heard.end();
    return undefined;
  });

  test('a folder that is not there is named', () => {
    expect(() => new Log({ target: join(dir, 'no/x.log'), level: 'INFO' })).toThrow(/cannot open the log/);
  });
});
