/** `edgeban top`: jails, failures and bans a second, and the newest events, shown again and again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { EdgebanError, messageOf } from '../../../shared/errors.ts';
import { request } from '../../control/client.ts';
import { Watch, type WatchEvent } from '../../control/watch.ts';
import { usage } from '../options.ts';
import type { HostPorts } from '../ports.ts';
import { type ExitCode, exitCodes } from '../program.ts';
import type { Terminal } from '../terminal.ts';
import { LiveTerminal } from './live.ts';
import { Paces } from './pace.ts';
import { screen, type View } from './screen.ts';

const answer_s_max = 10;
const events_kept_max = 200;
/** Rates need two looks. */
const once_apart_ms = 1_000;
/** Where nobody says how large the screen is. */
const snapshot_size = { columns: 80, rows: 1_000 } as const;
const snapshot_events_max = 20;

export async function top(argv: readonly string[], ports: HostPorts, terminal: Terminal): Promise<ExitCode> {
  const { configDir, json, once, interval_ms, ...given } = parse(argv);
  const socket = given.socket ?? (await ports.serverSettings(configDir)).socket;
  const watching = new Watching(socket);
  // the first look tells whether there is anything to be seen
  await watching.look();
  const isLive = !once && !json && process.stdout.isTTY && process.env['TERM'] !== 'dumb';
  if (isLive) return await live(watching, interval_ms);
  await sleep(once_apart_ms);
  await watching.look();
  terminal.out(json ? JSON.stringify(watching.summary) : snapshot(watching));
  return exitCodes.ok;
}

function snapshot({ view }: Watching): string {
  const shown = { ...view, events: view.events.slice(-snapshot_events_max) };
  const rows = screen(shown, snapshot_size);
  return rows.map(({ text }) => text.trimEnd()).join('\n');
}

async function live(watching: Watching, interval_ms: number): Promise<ExitCode> {
  const hasColours = (process.env['NO_COLOR'] ?? '') === '';
  const terminal = new LiveTerminal({ colours: hasColours, rows: (size) => screen(watching.view, size) });
  const stop = new AbortController();
  terminal.open();
  try {
    terminal.draw();
    const done = terminal.done.then(() => stop.abort());
    await Promise.race([done, refresh(watching, terminal, interval_ms, stop.signal)]);
  } finally {
    stop.abort();
    terminal.close();
  }
  return exitCodes.ok;
}

/** Until it is stopped. A daemon that does not answer is asked again: it may be starting. */
async function refresh(watching: Watching, terminal: LiveTerminal, pause_ms: number, signal: AbortSignal) {
  while (!signal.aborted) {
    await sleep(pause_ms, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    await watching.tryLook();
    terminal.draw();
  }
}

/** What was seen so far of a daemon, or of one after the other. */
class Watching {
  readonly #socket: string;
  readonly #paces = new Paces();
  #watch: Watch | null = null;
  #events: WatchEvent[] = [];
  #trouble: string | null = null;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Throws where the daemon does not answer, or not as it should. */
  async look(): Promise<void> {
    const last = this.#watch;
    const words = ['watch', ...(last === null ? [] : [String(last.cursor), String(last.started)])];
    const reply = await request(this.#socket, words, { timeout: answer_s_max });
    if ('error' in reply) throw new EdgebanError('ERR_CONTROL_PROTOCOL', `the server answers: ${reply.error.message}`);
    const watch = Watch.safeParse(reply.ok);
    if (!watch.success) {
      const remedy = 'restart the server: it may be of another version';
      throw new EdgebanError('ERR_CONTROL_PROTOCOL', 'the server tells it in an unknown form', { remedy });
    }
    this.#take(watch.data);
  }

  /** Keeps what there was where the daemon does not answer. */
  async tryLook(): Promise<void> {
    try {
      await this.look();
    } catch (error) {
      if (!(error instanceof EdgebanError)) throw error;
      this.#trouble = error.message;
    }
  }

  get view(): View {
    if (this.#watch === null) throw new Error('nothing was seen yet');
    return { watch: this.#watch, paces: this.#paces, events: this.#events, trouble: this.#trouble };
  }

  /** For programs: the last answer with the rates, a second. */
  get summary() {
    const { watch, paces, events } = this.view;
    const jails = watch.jails.map((jail) => ({ ...jail, per_second: paces.of(jail.jail) }));
    return { ...watch, events, jails, per_second: paces.all };
  }

  #take(watch: Watch): void {
    this.#trouble = null;
    this.#watch = watch;
    this.#paces.note(watch);
    this.#events = [...this.#events, ...watch.events].slice(-events_kept_max);
  }
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = {
    conf: { ...text, short: 'c', default: '/etc/edgeban' },
    socket: { ...text, short: 's' },
    interval: { ...text, default: '1' },
    once: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  } as const;
  try {
    const { values } = parseArgs({ args: [...argv], options, allowPositionals: false });
    const seconds = Number(values.interval);
    if (!(seconds >= 0.2 && seconds <= 60)) throw new Error('--interval takes 0.2 to 60 seconds');
    const { conf: configDir, socket, once, json } = values;
    return { configDir, socket, once, json, interval_ms: seconds * 1000 };
  } catch (error) {
    throw usage(messageOf(error));
  }
}
