/** The client program in this process, against a real socket with fake jails behind it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { runClient } from '../../host-agent/cli/client.ts';
import type { HostPorts } from '../../host-agent/cli/ports.ts';
import { runCommand } from '../../host-agent/control/commands.ts';
import { type ControlServer, openControlServer } from '../../host-agent/control/server.ts';
import { type FakeAgent, twoJails } from '../control/fake-agent.ts';
import { fakePorts, fakeTerminal } from './fake-ports.ts';

/** How a line on stderr begins, with the fake terminal's clock and process id. */
export const stamp = '2026-11-22 15:16:40,304 fail2ban                [895]: ERROR   ';

export interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface ClientBench {
  dir(): string;
  serve(agent?: FakeAgent): Promise<FakeAgent>;
  closeServer(): Promise<void>;
  /** Runs the program; a text is split at its spaces. */
  client(line: string | readonly string[], changes?: Partial<HostPorts>): Promise<Printed>;
}

export function useClient(): ClientBench {
  let dir = '';
  let server: ControlServer | null = null;
  const closeServer = async () => {
    await server?.close();
    server = null;
  };
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'edgeban-client-'));
  });
  afterEach(async () => {
    await closeServer();
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    dir: () => dir,
    closeServer,
    serve: async (agent = twoJails()) => {
      server = await openControlServer({
        path: join(dir, 'edgeban.sock'),
        answer: (words) => runCommand(agent, words),
      });
      return agent;
    },
    client: async (line, changes = {}) => {
      const terminal = fakeTerminal();
      const code = await runClient(
        typeof line === 'string' ? line.split(' ') : line,
        fakePorts(dir, changes),
        terminal,
      );
      return { code, out: terminal.stdout.join('\n'), err: terminal.stderr.join('\n') };
    },
  };
}
