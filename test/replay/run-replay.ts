/** Runs `edgeban replay` in this process, with a screen that keeps what is printed. */
import { runReplay } from '../../host-agent/replay/main.ts';

export interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface World {
  /** Unix seconds. */
  readonly now: number;
  readonly names?: Readonly<Record<string, readonly string[]>>;
}

export async function edgebanReplay(argv: readonly string[], { now, names = {} }: World): Promise<Printed> {
  const printed = { out: '', err: '' };
  const out = (text: string) => {
    printed.out += `${text}\n`;
  };
  const err = (text: string) => {
    printed.err += `${text}\n`;
  };
  const screen = { out, raw: out, err, open: true, progress: null };
  const addressesOf = async (name: string) => names[name] ?? [];
  const code = await runReplay(argv, { screen, now: () => now, random: () => 0.5, addressesOf });
  return { code, ...printed };
}
