/** `edgeban top` in a real terminal, beside a real agent. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { runCommand } from '../../../host-agent/control/commands.ts';
import { type ControlServer, openControlServer } from '../../../host-agent/control/server.ts';
import { type AgentBench, startAgent, webJail } from '../../agent/bench.ts';
import { Pty, whyNoTerminal } from './pty.ts';

const program = new URL('../../../host-agent/bin/edgeban', import.meta.url).pathname;
const within = { timeout: 60_000 };
/** No firewall is touched: the jail has no action. */
const jails = `${webJail('action =')}\n[mail]\nenabled = true\nlogpath = DIR/mail.log\nfailregex = ^mail <F-ID>.+</F-ID>$\naction =\n`;

interface Scene {
  readonly bench: AgentBench;
  readonly socket: string;
  readonly argv: readonly string[];
  server: ControlServer;
}

async function scene(): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-top-'));
  const socket = join(folder, 's');
  const bench = await startAgent(jails);
  const made = { bench, socket, argv: [program, 'top', '-s', socket], server: await serve(bench, socket) };
  onTestFinished(async () => {
    await made.server.close();
    rmSync(folder, { recursive: true });
  });
  return made;
}

function serve({ agent }: AgentBench, path: string): Promise<ControlServer> {
  return openControlServer({ path, answer: (words) => runCommand(agent, words) });
}

function needsTerminal(ctx: TestContext): void {
  const reason = whyNoTerminal();
  if (reason !== null) ctx.skip(reason);
}

const fast = ['--interval', '0.2'];

test('shows jails, rates and events in 80 by 24, follows a resize, and leaves the terminal as it was', async (ctx) => {
  needsTerminal(ctx);
  const { bench, argv } = await scene();
  const pty = new Pty([24, 80], [...argv, ...fast], {});
  await expect.poll(() => pty.screen, within).toContain('2 jails');
  for (let i = 1; i <= 40; i++) await bench.feed(`fail 198.51.100.${i}`);
  await expect.poll(() => pty.screen, within).toMatch(/^web +[1-9][\d.]* +[1-9][\d.]* +0 +40 {2}ok$/m);
  await expect.poll(() => pty.screen, within).toMatch(/^\d\d:\d\d:\d\d {2}ban {6}web +198\.51\.100\.40$/m);
  expect(pty.lines.length).toBeLessThanOrEqual(24);
  expect(Math.max(...pty.lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(pty.printed).toContain('\x1b[31m');
  pty.resize(12, 50);
  await expect.poll(() => pty.lines.length, within).toBeLessThanOrEqual(12);
  expect(Math.max(...pty.lines.map((line) => line.length))).toBeLessThanOrEqual(50);
  expect(pty.screen).toContain('198.51.100.40');
  pty.resize(40, 100);
  await expect.poll(() => pty.lines.length, within).toBeGreaterThan(24);
  pty.press('q');
  expect(await pty.ended()).toEqual({ code: 0, restored: true });
  expect(pty.printed).toMatch(/\x1b\[\?25h\x1b\[\?1049l$/);
});

test('Ctrl-C ends it as well, and NO_COLOR takes the colours away', async (ctx) => {
  needsTerminal(ctx);
  const { bench, argv } = await scene();
  const pty = new Pty([24, 80], [...argv, ...fast], { NO_COLOR: '1' });
  await bench.feed('fail 198.51.100.7');
  await expect.poll(() => pty.screen, within).toContain('198.51.100.7');
  pty.press('\x03');
  expect(await pty.ended()).toEqual({ code: 0, restored: true });
  expect(pty.printed).not.toMatch(/\x1b\[[1-9]\d*m/);
});

test('what a log line names cannot move the cursor, nor hide or turn around what stands there', async (ctx) => {
  needsTerminal(ctx);
  const { bench, argv } = await scene();
  const pty = new Pty([24, 80], [...argv, ...fast], {});
  const evil = 'x\x1b[2J\x07\x9b1m\u202e\u200b漢字\ufffd';
  await bench.feed(`mail ${evil}`);
  await expect.poll(() => pty.screen, within).toMatch(/found +mail +x\?\[2J\?/);
  expect(pty.printed).not.toContain('\x1b[2J');
  expect(pty.printed).not.toMatch(/[\x07\x9b\u202e\u200b漢]/);
  pty.press('q');
  expect(await pty.ended()).toEqual({ code: 0, restored: true });
});

test('a daemon that is gone is told, and another one is taken up', async (ctx) => {
  needsTerminal(ctx);
  const made = await scene();
  const pty = new Pty([24, 80], [...made.argv, ...fast], {});
  await made.bench.feed('fail 198.51.100.8');
  await expect.poll(() => pty.screen, within).toContain('198.51.100.8');
  await made.server.close();
  await expect.poll(() => pty.screen, within).toContain('NO ANSWER');
  expect(pty.screen).toContain('198.51.100.8');
  const other = await startAgent(jails);
  made.server = await serve(other, made.socket);
  await expect.poll(() => pty.screen, within).not.toContain('NO ANSWER');
  await other.feed('fail 198.51.100.9');
  await expect.poll(() => pty.screen, within).toContain('198.51.100.9');
  pty.press('q');
  expect(await pty.ended()).toEqual({ code: 0, restored: true });
});

test('where there is no terminal, it is one look as text, or as JSON', async () => {
  const { bench, argv } = await scene();
  for (let i = 1; i <= 3; i++) await bench.feed(`fail 198.51.100.${i}`);
  const [command = '', ...words] = argv;
  const run = async (...more: string[]) => (await promisify(execFile)(command, [...words, ...more])).stdout;
  const [text, json] = await Promise.all([run(), run('--json')]);
  expect(text).not.toContain('\x1b');
  expect(text).toMatch(/^web +0\.0 +0\.0 +0 +3 {2}ok$/m);
  expect(text).toMatch(/ban +web +198\.51\.100\.3$/m);
  const events = [1, 2, 3].flatMap((n) => ['found', 'ban'].map((kind) => ({ kind, id: `198.51.100.${n}` })));
  expect(JSON.parse(json)).toMatchObject({ cursor: 6, events, per_second: { failures: 0, bans: 0 } });
});

test('the daemon keeps the newest events only, and gives those after a cursor', async () => {
  const { bench } = await scene();
  for (let i = 0; i < 300; i++) await bench.feed(`fail 198.51.${i >> 8}.${i & 255}`);
  const ask = (...words: string[]) => bench.say('watch', ...words);
  const started = bench.agent.recent.started;
  const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ n: from + i + 1 }));
  expect(await ask()).toMatchObject({ cursor: 600, events: ids(500, 600) });
  expect(await ask('598', String(started))).toMatchObject({ cursor: 600, events: ids(598, 600) });
  expect(await ask('600', String(started))).toMatchObject({ cursor: 600, events: [] });
  expect(await ask('600', '17')).toMatchObject({ events: ids(500, 600) });
  expect(bench.agent.recent.after(0, 10_000).events).toHaveLength(500);
  await expect(ask('x')).rejects.toThrow("'x' is no cursor");
});
