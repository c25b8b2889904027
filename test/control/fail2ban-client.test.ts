/** fail2ban's own client against our socket: it must not notice whose daemon answers. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommand } from '../../host-agent/control/commands.ts';
import { type ControlServer, openControlServer } from '../../host-agent/control/server.ts';
import { type FakeAgent, twoJails } from './fake-agent.ts';

const checkout = process.env['F2B_CHECKOUT'] ?? '';
const program = join(checkout, 'bin/fail2ban-client');
const isThere = checkout !== '' && existsSync(program);

let dir: string;
let path: string;
let agent: FakeAgent;
let streams: number;
let server: ControlServer;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-pickle-'));
  path = join(dir, 'edgeban.sock');
  agent = twoJails();
  streams = 0;
  const streamed = () => {
    streams += 1;
  };
  server = await openControlServer({ path, answer: (words) => runCommand(agent, words), streamed });
});

afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

function client(...words: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const options = ['-s', path, '-p', join(dir, 'pid'), '--loglevel', 'INFO', '--logtarget', 'STDOUT'];
  const all = [program, ...options, '--syslogsocket', 'auto', ...words];
  const child = spawn('python3', all, { env: { ...process.env, PYTHONPATH: checkout }, cwd: dir });
  const texts = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (texts.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (texts.err += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...texts }));
  });
}

describe("fail2ban's client", () => {
  beforeEach((ctx) => ctx.skip(!isThere, 'needs F2B_CHECKOUT, a checkout of fail2ban 1.1.0'));

  test.each([
    ['ping', 'Server replied: pong\n'],
    ['version', '1.2.3\n'],
    ['echo a b', 'a b\n'],
    ['status', 'Status\n|- Number of jail:\t2\n`- Jail list:\tnginx-http-auth, sshd\n'],
    ['banned', "[{'sshd': ['192.0.2.50', '2001:db8::1']}, {'nginx-http-auth': []}]\n"],
    ['get sshd banip ,', '192.0.2.50,2001:db8::1\n'],
    ['get sshd bantime', '-1\n'],
    ['get dbfile', 'Database currently disabled\n'],
    ['get sshd actions', 'The jail sshd has the following actions:\nnftables-multiport, edge\n'],
    ['get nginx-http-auth journalmatch', 'Current match filter:\n_SYSTEMD_UNIT=x.service + _COMM=sshd _UID=0\n'],
    ['set sshd banip 192.0.2.9 192.0.2.50', '1\n'],
    ['set sshd unbanip 192.0.2.50', '1\n'],
    ['set loglevel debug', "Current logging level is 'DEBUG'\n"],
    ['statistic', "{'nginx-http-auth': ['systemd', (2, 5), (0, 5)], 'sshd': ['polling', (2, 5), (2, 5)]}\n"],
    ['ping 2.5', 'Server replied: pong\n'],
  ])('%s', async (line, out) => {
    expect(await client(...line.split(' '))).toEqual({ code: 0, out, err: '' });
  });

  test('the trees and the table', async () => {
    const { out } = await client('status', 'sshd');
    expect(out).toContain('|- Filter\n|  |- Currently failed:\t2\n');
    expect(out).toContain('   `- Banned IP list:\t192.0.2.50 2001:db8::1\n');
    expect((await client('stats')).out).toContain('sshd            ║ polling  ║   2 │   5 ║   2 │   5\n');
  });

  test.each([
    ['status nope', "Sorry but the jail 'nope' does not exist\n", "NOK: ('nope',)"],
    ['get sshd', 'Sorry but the command is invalid\n', "NOK: ('list index out of range',)"],
    ['nosuch', 'Invalid command\n', "NOK: ('Invalid command',)"],
    [
      'set sshd unbanip --report-absent 192.0.2.77',
      "not banned: ['192.0.2.77']\n",
      'NOK: ("not banned: [\'192.0.2.77\']",)',
    ],
  ])('%s is an error', async (line, out, err) => {
    const answer = await client(...line.split(' '));
    expect(answer).toMatchObject({ code: 255, out });
    expect(answer.err).toContain(err);
  });

  test('stop', async () => {
    expect(await client('stop')).toEqual({ code: 0, out: 'Shutdown successful\n', err: '' });
    expect(agent.stops).toEqual([{ unban: false }]);
  });
});

const end = '<F2B_END_COMMAND>';

/** All that comes back for the bytes sent, each part in a write of its own. */
function exchange(...parts: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = '';
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('close', () => resolve(text));
    for (const part of parts) socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
  });
}

describe('framing', () => {
  const ping = `\x80\x02]X\x04\x00\x00\x00pinga.${end}`;

  test('requests cut anywhere, answers in order, a goodbye at the end', async () => {
    const bytes = `${ping}${ping}<F2B_CLOSE_COMMAND>${end}`;
    const answers = (await exchange(...bytes)).split(end);
    expect(answers).toHaveLength(3);
    expect(answers[0]).toContain('pong');
    expect(answers[1]).toBe(answers[0]);
    expect(answers[2]).toBe('');
  });

  test('a pickle of protocol 0', async () => {
    expect(await exchange(`(lp0\nVversion\np1\na.${end}`, `<F2B_CLOSE_COMMAND>${end}`)).toContain('1.2.3');
  });

  test('a pickle that would call something is answered with an error, and what follows still works', async () => {
    const answer = await exchange(`cos\nsystem\n.${end}`).catch(() => '');
    expect(answer).not.toContain('pong');
    const answers = await exchange(
      `\x80\x02cos\nsystem\n(X\x02\x00\x00\x00idtR.${end}`,
      ping,
      `<F2B_CLOSE_COMMAND>${end}`,
    );
    expect(answers).toContain('the pickle is refused');
    expect(answers).toContain('pong');
  });

  test('reload: the client sends its whole configuration; the daemon reads its own', async () => {
    const stream = `](](X\x03\x00\x00\x00setX\x04\x00\x00\x00sshde`;
    await exchange(
      `\x80\x02](X\x06\x00\x00\x00reloadX\x04\x00\x00\x00sshd](X\x09\x00\x00\x00--restarte${stream}ee.${end}`,
      `<F2B_CLOSE_COMMAND>${end}`,
    );
    expect(agent.reloads).toEqual([{ jail: 'sshd', restart: true, unban: false, ifExists: false }]);
    expect(streams).toBe(1);
    await exchange(`\x80\x02](X\x06\x00\x00\x00reloadX\x04\x00\x00\x00sshde.${end}`, `<F2B_CLOSE_COMMAND>${end}`);
    expect([agent.reloads.length, streams]).toEqual([2, 1]);
  });
});
