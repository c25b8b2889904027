/** A real journald: what is written to it comes out once, in order, through restarts. */
import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createJournalSource, type JournalOptions } from '../../host-agent/sources/journal.ts';
import type { Batch } from '../../host-agent/sources/source.ts';
import type { EdgebanError } from '../../shared/errors.ts';
import { Journald, whyNot } from './journald.ts';

const reason = whyNot();
const now = () => Date.now() / 1000;

async function until(condition: () => boolean, what = 'it'): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen in 60 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('the journal', () => {
  let journald: Journald;
  let write: (lines: string) => void;
  const running: { stop: () => Promise<void> }[] = [];
  let count = 0;

  beforeAll(async () => {
    if (reason !== null) return;
    journald = new Journald();
    await until(() => journald.ready, 'journald');
    write = journald.writer('sshd');
  });
  beforeEach((ctx) => {
    if (reason !== null) ctx.skip(reason);
    count += 1;
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
  });
  afterAll(() => journald?.remove());

  function follow(options: Partial<JournalOptions> = {}) {
    const batches: Batch[] = [];
    const errors: EdgebanError[] = [];
    const controller = new AbortController();
    const all = { id: 'sshd', matches: ['SYSLOG_IDENTIFIER=sshd'], command: journald.journalctl, ...options };
    const source = createJournalSource(all, { now, onError: (error) => errors.push(error) });
    const ended = source.run((batch) => void batches.push(batch), controller.signal);
    const stop = async () => {
      controller.abort();
      await ended;
    };
    running.push({ stop });
    const lines = () => batches.flatMap((batch) => [...batch.lines]);
    const texts = () => lines().map((line) => Buffer.from(line.bytes).toString());
    /** Those of this test only. */
    const mine = () =>
      texts()
        .filter((text) => text.includes(`t${count} `))
        .map((text) => text.replace(/^.*: t\d+ /s, ''));
    return { batches, errors, stop, lines, texts, mine, position: () => batches.at(-1)?.position };
  }

  function say(...messages: readonly string[]): void {
    write(messages.map((message) => `t${count} ${message}\n`).join(''));
  }

  function children(): string[] {
    const pids = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
    return pids.split('\n').filter((line) => line.includes('journalctl'));
  }

  it('gives lines as fail2ban makes them, with the time of the entry', async () => {
    const before = now();
    const reader = follow({ since: before - 5 });
    say('Failed password for root from 192.0.2.1 port 4 ssh2');
    await until(() => reader.mine().length === 1);
    const [line] = reader.lines().slice(-1);
    const host = execFileSync('hostname', { encoding: 'utf8' }).trim();
    const text = Buffer.from(line?.bytes ?? []).toString();
    expect(text).toMatch(
      new RegExp(`^${host} sshd\\[\\d+\\]: t\\d+ Failed password for root from 192.0.2.1 port 4 ssh2$`),
    );
    expect(Math.abs((line?.time ?? 0) - before)).toBeLessThan(10);
    expect(reader.batches.at(-1)?.live).toBe(true);
  });

  it('writes the line ends of a message in letters, so that no second line can be made up', async () => {
    const reader = follow({ since: now() - 5 });
    const message = `t${count} one\nhost sshd[1]: Failed password for root from 192.0.2.1\x01\xff`;
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(Buffer.byteLength(message)));
    journald.send(
      Buffer.concat([
        Buffer.from('SYSLOG_IDENTIFIER=sshd\nSYSLOG_PID=77\nMESSAGE\n'),
        length,
        Buffer.from(`${message}\n`),
      ]),
    );
    await until(() => reader.mine().length > 0);
    expect(reader.texts().at(-1)).toMatch(
      / sshd\[77\]: t\d+ one\\nhost sshd\[1\]: Failed password for root from 192.0.2.1\x01ÿ$/,
    );
  });

  it('takes only what the journalmatch says, several terms and lines or-ed', async () => {
    const other = journald.writer('postfix/smtpd');
    const third = journald.writer('dovecot');
    const reader = follow({
      since: now() - 1,
      matches: ['SYSLOG_IDENTIFIER=sshd PRIORITY=7 + SYSLOG_IDENTIFIER=postfix/smtpd', 'SYSLOG_IDENTIFIER="dovecot"'],
    });
    say('not this');
    other(`t${count} this\n`);
    await until(() => reader.mine().length === 1);
    third(`t${count} and this\n`);
    await until(() => reader.mine().length === 2);
    expect(reader.mine()).toEqual(['this', 'and this']);
  });

  it('goes on behind the last line after a restart, through rotation; what came meanwhile is history', async () => {
    const first = follow({ since: now() - 5 });
    say('1', '2');
    await until(() => first.mine().length === 2);
    await first.stop();
    say('3');
    journald.rotate();
    say('4');
    // history is what journald has taken in before the reader starts
    await until(() => journald.run(['journalctl', '--output=cat']).includes(`t${count} 4`));
    const second = follow({ position: first.position() });
    await until(() => second.mine().length === 2);
    expect(second.batches.at(-1)?.live).toBe(false);
    journald.rotate();
    say('5');
    await until(() => second.mine().length === 3);
    expect(second.mine()).toEqual(['3', '4', '5']);
    expect(second.batches.at(-1)?.live).toBe(true);
    expect(second.errors).toEqual([]);
  });

  it('loses no later entry when the one of the cursor was vacuumed away, and says so', async () => {
    const first = follow({ since: now() - 5 });
    say('1');
    await until(() => first.mine().length === 1);
    await first.stop();
    journald.rotate();
    journald.run(['journalctl', '--vacuum-files=1']);
    say('2', '3');
    const second = follow({ position: first.position() });
    await until(() => second.mine().length === 2);
    expect(second.mine()).toEqual(['2', '3']);
    expect(second.errors.map((error) => error.code)).toEqual(['ERR_SOURCE_POSITION_LOST']);
  });

  it('begins at `since` where the cursor makes no sense', async () => {
    const reader = follow({ position: '{"v":1,"cursor":"s=1;--vacuum-size=1"}', since: now() - 1 });
    say('1');
    await until(() => reader.mine().length === 1);
    expect(reader.errors.map((error) => error.code)).toEqual(['ERR_SOURCE_POSITION_LOST']);
  });

  it('starts journalctl again when it dies, and no line is lost or given twice', async () => {
    const reader = follow({ since: now() - 5 });
    say('1');
    await until(() => reader.mine().length === 1);
    for (const line of children()) process.kill(Number.parseInt(line, 10), 'SIGKILL');
    say('2');
    await until(() => reader.mine().length >= 2);
    say('3');
    await until(() => reader.mine().length >= 3);
    expect(reader.mine()).toEqual(['1', '2', '3']);
    expect(reader.errors.map((error) => error.code)).toEqual(['ERR_JOURNAL_FAILED']);
  });

  it('hears of an entry at once, by touching the journal file, also after a rotation', async () => {
    const system = `${journald.folder}/journal/0123456789abcdef0123456789abcdef/system.journal`;
    const latency_ms = async (active: readonly string[], rotate: boolean) => {
      const reader = follow({ since: now() - 5, active });
      say('first');
      await until(() => reader.mine().length === 1);
      if (rotate) journald.rotate();
      if (rotate) await new Promise((resolve) => setTimeout(resolve, 1200)); // it looks for the new file every second
      const taken: number[] = [];
      for (let i = 2; i <= 8; i += 1) {
        const start = performance.now();
        say(`${i}`);
        await until(() => reader.mine().length === i);
        taken.push(performance.now() - start);
      }
      await reader.stop();
      count += 1;
      return taken.map(Math.round).toSorted((a, b) => a - b);
    };
    // untouched, one of seven may be early by chance; touched, a busy machine may make most of them late
    const [, , , late_ms = 0] = await latency_ms([], false);
    const [, early_ms] = await latency_ms([system], false);
    const [, rotated_ms] = await latency_ms([system], true);
    console.log(`entry to line: ${late_ms} ms untouched, ${early_ms} ms touched, ${rotated_ms} ms after rotation`);
    expect(early_ms).toBeLessThan(late_ms / 2);
    expect(rotated_ms).toBeLessThan(late_ms / 2);
  }, 180_000);

  it('leaves no journalctl behind even when it is killed itself', async () => {
    const source = new URL('../../host-agent/sources/journal.ts', import.meta.url).href;
    const code = `import { createJournalSource } from '${source}';
      const ports = { now: () => Date.now() / 1000, onError: () => undefined };
      const options = { id: 'x', matches: ['SYSLOG_IDENTIFIER=edgeban-none'], command: ${JSON.stringify(journald.journalctl)} };
      await createJournalSource(options, ports).run(() => undefined, new AbortController().signal);`;
    const agent = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], { stdio: 'ignore' });
    const orphans = () =>
      execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
        .split('\n')
        .filter((line) => /^\s*\d+ journalctl .*edgeban-none/.test(line));
    await until(() => orphans().length === 1, 'journalctl');
    agent.kill('SIGKILL');
    await until(() => orphans().length === 0, 'the end of journalctl');
  });

  it('leaves no child behind', async () => {
    const reader = follow({ since: now() - 5 });
    await until(() => children().length === 1);
    await reader.stop();
    expect(children()).toEqual([]);
  });

  it('says once that journalctl cannot be run', async () => {
    const reader = follow({ command: ['/no/such/journalctl'] });
    await until(() => reader.errors.length === 1);
    expect(reader.errors[0]).toMatchObject({ code: 'ERR_JOURNAL_FAILED' });
  });

  it('reads the journal files of another folder', async () => {
    say('1');
    const journalpath = `${journald.folder}/journal/0123456789abcdef0123456789abcdef`;
    await until(() => fs.existsSync(journalpath));
    const reader = follow({ command: ['journalctl'], options: { journalpath }, since: now() - 60 });
    await until(() => reader.mine().length === 1);
    expect(reader.mine()).toEqual(['1']);
  });
});
