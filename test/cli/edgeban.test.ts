/** The program edgeban: enrolment and the status of the link. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runEdgeban } from '../../host-agent/cli/edgeban.ts';
import { edgebanHelp } from '../../host-agent/cli/edgeban-help.ts';
import type { EnrollOptions, HostPorts } from '../../host-agent/cli/ports.ts';
import { runCommand } from '../../host-agent/control/commands.ts';
import { openControlServer } from '../../host-agent/control/server.ts';
import { twoJails } from '../control/fake-agent.ts';
import { fakePorts, fakeTerminal } from './fake-ports.ts';

const token = 'abcdefghijklmnopqrstuvwx';
const enrolment = {
  url: 'https://edge.example',
  host: 'h1',
  ledger: '0198c0de-0000-7000-8000-000000000000',
  file: '/x/edge.json',
};
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-edgeban-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function edgeban(words: readonly string[], changes: Partial<HostPorts> = {}, input = '') {
  const terminal = fakeTerminal(input);
  const code = await runEdgeban(words, fakePorts(dir, changes), terminal);
  return { code, out: terminal.stdout.join('\n'), err: terminal.stderr.join('\n') };
}

describe('enroll', () => {
  const seen: EnrollOptions[] = [];
  const enroll = (options: EnrollOptions) => {
    seen.push(options);
    return Promise.resolve(enrolment);
  };

  test.each(['file', 'stdin'])('takes the token from a %s, and never prints it', async (kind) => {
    seen.length = 0;
    writeFileSync(join(dir, 'token'), `${token}\n`);
    const where = kind === 'file' ? join(dir, 'token') : '-';
    const words = ['edge', 'enroll', '--url', 'https://edge.example', '--token-file', where, '--name', 'web1'];
    const { code, out, err } = await edgeban(words, { enroll }, kind === 'file' ? '' : `${token}\n`);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe('Enrolled as h1 at https://edge.example (/x/edge.json); restart the server to use it');
    expect(seen[0]).toMatchObject({ url: 'https://edge.example', token, name: 'web1' });
  });

  test('a token on the command line is refused', async () => {
    const { code, err } = await edgeban(['edge', 'enroll', '--url', 'https://e', '--token', token], { enroll });
    expect(code).toBe(255);
    expect(err).toContain('--token');
    expect(err).not.toContain(token);
  });

  test.each([
    [['edge', 'enroll', '--token-file', '-'], '--url'],
    [['edge', 'enroll', '--url', 'https://e'], '--token-file'],
    [['edge', 'enroll', '--url', 'https://e', '--token-file', '/nowhere'], 'cannot be read'],
    [['edge', 'enroll', '--url', 'https://e', '--token-file', '-'], 'not an enrolment token'],
  ])('%j', async (words, why) => {
    const { code, err } = await edgeban(words, { enroll }, 'short');
    expect(code).toBe(255);
    expect(err).toContain(why);
  });

  test('what it does not know is refused by name', async () => {
    expect((await edgeban(['divine'])).err).toContain('edgeban divine is not implemented; edgeban --help lists');
    expect((await edgeban(['edge', 'leave'])).err).toContain('edgeban edge leave is not implemented');
    expect((await edgeban([])).code).toBe(255);
    expect(await edgeban(['-V'])).toEqual({ code: 0, out: '1.2.3', err: '' });
  });
});

describe('help behind a command', () => {
  const commands = [...edgebanHelp.matchAll(/^(?:Usage:| {6}) edgeban ((?:edge )?\S+)/gm)].flatMap(
    ([, name]) => name ?? [],
  );
  const never = () => Promise.reject(new Error('something was done'));
  const idle = { operate: never, enroll: never, withdraw: never, enrolment: never };

  test.each(commands.flatMap((command) => [`${command} --help`, `${command} -h`]))('%s', async (line) => {
    const { code, out, err } = await edgeban(line.split(' '), idle);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const command = line.replace(/ -+h.*/, '');
    expect(out).toMatch(new RegExp(`^Usage: edgeban ${command}( |$)`, 'm'));
    expect(out.match(/^.{6,7}edgeban /gm)).toHaveLength(1);
    // what it does is told, of this command alone
    const [, told = ''] = out.split('\n\n');
    expect(told).toMatch(new RegExp(`^  (?:\\S+, )?${command.replace('edge ', '')}[ ,]`));
    expect(told.match(/^ {2}\S/gm)).toHaveLength(1);
  });

  test('of edge, of what there is not, and among other options', async () => {
    const edge = await edgeban(['edge', '--help'], idle);
    expect(edge).toMatchObject({ code: 0, err: '', out: expect.stringContaining('edgeban edge rotate [-c DIR]') });
    expect(edge.out).not.toContain('explain');
    expect(await edgeban(['edge', 'leave', '--help'], idle)).toMatchObject({ code: 255, out: '' });
    expect(await edgeban(['divine', '-h'], idle)).toMatchObject({ code: 255, out: '' });
    const words = ['edge', 'panic', '--direct', '--help'];
    expect(await edgeban(words, idle)).toMatchObject({ code: 0, out: expect.stringContaining('lifts all blocks') });
  });
});

describe('status', () => {
  test('of a host that is not enrolled', async () => {
    expect(await edgeban(['edge', 'status'])).toMatchObject({
      code: 255,
      out: expect.stringContaining('not enrolled'),
    });
  });

  test('with and without a server', async () => {
    const ports = { enrolment: () => Promise.resolve(enrolment) };
    expect((await edgeban(['edge', 'status'], ports)).out).toContain(
      '`- Link:\tno server running, or not yet using it',
    );
    const report = {
      url: enrolment.url,
      host: 'h1',
      feed: 'live',
      answeredAt: 1000,
      waiting: 3,
      trouble: null,
    } as const;
    const agent = { ...twoJails(), edge: () => report };
    const server = await openControlServer({
      path: join(dir, 'edgeban.sock'),
      answer: (words) => runCommand(agent, words),
    });
    const { code, out } = await edgeban(['edge', 'status'], ports);
    expect(JSON.parse((await edgeban(['edge', 'status', '--json'], ports)).out)).toEqual({ enrolment, link: report });
    await server.close();
    expect(code).toBe(0);
    expect(out.split('\n').slice(-4)).toEqual([
      '|- Feed:\tlive',
      '|- Last answer:\t1970-01-01T00:16:40.000Z',
      '|- Waiting events:\t3',
      '`- Trouble:\tnone',
    ]);
  });
});
