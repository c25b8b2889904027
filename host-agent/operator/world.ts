/** What the operator's verbs need of the world around them: a terminal, a clock, the environment, answers of a person. */
import { setTimeout as wait } from 'node:timers/promises';
import { EdgebanError } from '../../shared/errors.ts';
import type { ServerSettings } from '../cli/ports.ts';
import type { Terminal } from '../cli/terminal.ts';
import { type Prompt, processPrompt } from './prompt.ts';

export interface OperatorWorld {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly prompt: Prompt;
  /** Aborted by Ctrl-C: a verb ends its step, cleans up and says what stands. */
  readonly signal: AbortSignal;
  /** Unix seconds. */
  now(): number;
  /** Throws ERR_INTERRUPTED when the signal comes. */
  sleep(ms: number): Promise<void>;
  serverSettings(configDir: string): Promise<ServerSettings>;
}

/** The world of this process. `end` lets go of the signals. */
export function processWorld(
  terminal: Terminal,
  serverSettings: OperatorWorld['serverSettings'],
): { readonly world: OperatorWorld; end(): void } {
  const controller = new AbortController();
  const stop = () => controller.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  const { signal } = controller;
  const world: OperatorWorld = {
    terminal,
    env: process.env,
    prompt: processPrompt(signal),
    signal,
    now: () => Date.now() / 1000,
    sleep: (ms) => sleepUnless(signal, ms),
    serverSettings,
  };
  const end = () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  };
  return { world, end };
}

async function sleepUnless(signal: AbortSignal, ms: number): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
  stopIfInterrupted(signal);
}

/** Throws ERR_INTERRUPTED once Ctrl-C was pressed. */
export function stopIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new EdgebanError('ERR_INTERRUPTED', 'interrupted');
}
