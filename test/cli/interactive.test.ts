/** `-i`: commands from stdin, and the words that a line holds. */
import { expect, test } from 'vitest';
import { runClient } from '../../host-agent/cli/client.ts';
import { shellWords } from '../../host-agent/cli/shell-words.ts';
import { useClient } from './client-bench.ts';
import { fakePorts, fakeTerminal } from './fake-ports.ts';

const { dir, serve } = useClient();

test('words by the quotes of a shell', () => {
  expect(shellWords('set sshd  banip 192.0.2.1 ')).toEqual(['set', 'sshd', 'banip', '192.0.2.1']);
  expect(shellWords(String.raw`a 'b c' "d \" \\ \n" e\ f g'h'"i" ''`)).toEqual([
    'a',
    'b c',
    'd " \\ \\n',
    'e f',
    'ghi',
    '',
  ]);
  expect(shellWords('  ')).toEqual([]);
  for (const line of ["a 'b", 'a "b', 'a \\']) expect(() => shellWords(line)).toThrow(/quotation|escaped/);
});

test('each line is a command; one that fails does not end it, exit does', async () => {
  await serve();
  const terminal = fakeTerminal("ping\n\nget sshd banip\nstatus nope\necho 'a\nset sshd maxretry 9\nexit\nping");
  expect(await runClient(['-i'], fakePorts(dir()), terminal)).toBe(0);
  expect(terminal.stdout.filter((text) => text !== 'edgeban> ').slice(1)).toEqual([
    ...['Server replied: pong', '192.0.2.50 2001:db8::1', "Sorry but the jail 'nope' does not exist", '9'],
  ]);
  expect(terminal.stderr.join('\n')).toContain('No closing quotation');
});

test('words of the command line come first, and end it where they fail', async () => {
  await serve();
  const terminal = fakeTerminal('ping');
  expect(await runClient(['-i', 'status', 'nope'], fakePorts(dir()), terminal)).toBe(255);
  expect(terminal.stdout).not.toContain('Server replied: pong');
});
