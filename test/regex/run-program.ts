/** Runs edgeban-regex in this process, with a screen that keeps what is printed. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { threadClock } from '../../host-agent/agent/ports.ts';
import { runRegex } from '../../host-agent/regex/program.ts';
import { diskFiles } from '../../host-agent/system/config-files.ts';
import { createRe2 } from '../../host-agent/system/re2.ts';

export interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What was shown of the progress. */
  readonly progress: readonly string[];
}

interface World {
  /** Names that have addresses. */
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  readonly terminal?: boolean;
  /** Milliseconds that pass from one look at the clock to the next. */
  readonly tick_ms?: number;
}

const re2 = createRe2();

export async function edgebanRegex(argv: readonly string[], world: World = {}): Promise<Printed> {
  const printed = { out: '', err: '', progress: [] as string[] };
  const clock = { now_ms: Date.UTC(2026, 5, 20) };
  const ports = {
    version: '1.2.3',
    files: diskFiles,
    re2,
    clock: threadClock,
    hostname: 'host.example',
    resolve: async (name: string) => world.hosts?.[name] ?? [],
    nameOf: async (address: string) =>
      Object.entries(world.hosts ?? {}).find(([, addresses]) => addresses.includes(address))?.[0] ?? null,
    now_ms: () => {
      clock.now_ms += world.tick_ms ?? 0;
      return clock.now_ms;
    },
  };
  const code = await runRegex(argv, ports, {
    out: (text) => {
      printed.out += `${text}\n`;
    },
    raw: (text) => {
      printed.out += text;
    },
    err: (text) => {
      printed.err += `${text}\n`;
    },
    open: true,
    progress: world.terminal === true ? (text) => printed.progress.push(text) : null,
  });
  return { code, ...printed };
}

/** A folder with these files in it; its path. */
export function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-regex-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}
