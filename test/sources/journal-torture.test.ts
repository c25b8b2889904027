/** A real journald that is killed, vacuumed, or whose files may not be touched: no entry is lost, or given twice. */
import { spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createJournalSource, type JournalOptions } from '../../host-agent/sources/journal.ts';
import { activeFiles } from '../../host-agent/sources/journal-wake.ts';
import { until } from '../world/wait.ts';
import { Journald, whyNot } from './journald.ts';

const reason = whyNot();
const now = () => Date.now() / 1000;

describe('the journal', () => {
  let journald: Journald;
  const running: { stop: () => Promise<void> }[] = [];

  beforeAll(async () => {
    if (reason !== null) return;
    journald = new Journald();
    await until('journald', () => journald.ready);
  });
  beforeEach((ctx) => {
    if (reason !== null) ctx.skip(reason);
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
  });
  afterAll(() => journald?.remove());

  function follow(identifier: string, options: Partial<JournalOptions> = {}) {
    const texts: string[] = [];
    const errors: string[] = [];
    const stopped = new AbortController();
    const all = { id: 'x', matches: [`SYSLOG_IDENTIFIER=${identifier}`], command: journald.journalctl, ...options };
    const ports = { now, onError: ({ code }: { code: string }) => void errors.push(code) };
    const ended = createJournalSource({ since: now() - 5, ...all }, ports).run(({ lines }) => {
      texts.push(...[...lines].map(({ bytes }) => Buffer.from(bytes).toString().replace(/^.*: /, '')));
    }, stopped.signal);
    const stop = async () => {
      stopped.abort();
      await ended;
    };
    running.push({ stop });
    return { texts, errors, stop };
  }

  const send = (identifier: string, message: string) =>
    journald.send(Buffer.from(`SYSLOG_IDENTIFIER=${identifier}\nMESSAGE=${message}\n`));

  it('goes on when journald was killed and comes again', async () => {
    const reader = follow('killed');
    send('killed', 'one');
    await until('the first entry', () => reader.texts.length === 1);
    for (const message of ['two', 'three']) {
      journald.stop();
      await until('the end of journald', () => !journald.ready);
      journald.start();
      await until('journald', () => journald.ready);
      send('killed', message);
      await until(`the entry ${message}`, () => reader.texts.at(-1) === message);
    }
    expect(reader.texts).toEqual(['one', 'two', 'three']);
    expect(reader.errors).toEqual([]);
  });

  it('goes on while the journal is rotated and vacuumed away behind it', async () => {
    const reader = follow('vacuumed');
    const sent: string[] = [];
    for (let n = 0; n < 4; n += 1) {
      send('vacuumed', `entry ${n}`);
      sent.push(`entry ${n}`);
      if (n % 2 === 0) await until('the entry', () => reader.texts.length === sent.length);
      journald.rotate();
      if (n % 2 === 0) journald.run(['journalctl', '--vacuum-files=1']);
    }
    send('vacuumed', 'last');
    await until('the last entry', () => reader.texts.at(-1) === 'last');
    expect(reader.texts).toEqual([...sent, 'last']);
    expect(reader.errors).toEqual([]);
  });

  it('hears of entries late, but hears of them, where the files may not be touched', async () => {
    const program = `import { createJournalSource } from '${new URL('../../host-agent/sources/journal.ts', import.meta.url)}';
      const ports = { now: () => Date.now() / 1000, onError: (error) => console.log('error ' + error.code) };
      const options = { id: 'x', matches: ['SYSLOG_IDENTIFIER=locked'], since: ${now() - 5} };
      const print = ({ lines }) => { for (const { bytes } of lines) console.log(Buffer.from(bytes).toString()); };
      await createJournalSource(options, ports).run(print, new AbortController().signal);`;
    const isLocked = '! touch -c /var/log/journal/*/system.journal 2>/dev/null || echo error';
    const script = `mount -o bind,ro /var/log/journal /var/log/journal; ${isLocked}; exec "$@"`;
    const node = [process.execPath, '--input-type=module-typescript', '-e', program];
    const [file = '', ...args] = [...journald.prefix, 'unshare', '--mount', 'sh', '-ec', script, 'sh', ...node];
    const reader = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    reader.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    try {
      for (const message of ['one', 'two', 'three']) {
        send('locked', message);
        await until(`the entry ${message}`, () => said.trim().endsWith(`: ${message}`));
      }
      expect(said).not.toContain('error');
      expect(said.trim().split('\n')).toHaveLength(3);
    } finally {
      reader.kill('SIGKILL');
    }
  });
});

it("knows which files journald writes to for the backend's options", () => {
  expect(activeFiles({ journalfiles: '/a/x.journal, /b/*.journal' })).toEqual(['/a/x.journal']);
  expect(activeFiles({ journalpath: '/a' })[0]).toBe('/a/./system.journal');
  const folders = (options: Record<string, string>) =>
    new Set(activeFiles(options).map((path) => path.replace(/^.*\/[0-9a-f]{32}/, '')));
  expect(folders({})).toEqual(new Set(['/system.journal']));
  expect(folders({ namespace: 'mail' })).toEqual(new Set(['.mail/system.journal']));
  expect(folders({ namespace: '+mail' })).toEqual(new Set(['/system.journal', '.mail/system.journal']));
});
