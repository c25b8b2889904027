/** One enrolled host with a real link to a fake Worker; made before each test, taken down after it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { enroll } from '../../host-agent/edge/enroll.ts';
import { type EdgeFiles, edgeFiles } from '../../host-agent/edge/files.ts';
import { EdgeLink } from '../../host-agent/edge/link.ts';
import type { LiveFeedLimits } from '../../host-agent/edge/live-feed.ts';
import type { BackoffLimits } from '../../host-agent/edge/standing.ts';
import {
  type FakeEvents,
  type FakeOutbox,
  type FakeSink,
  type FakeWorld,
  fakeEvents,
  fakeOutbox,
  fakeSink,
  fakeWorld,
} from './fake-host.ts';
import { type FakeWorker, startFakeWorker } from './fake-worker.ts';

export const token = 'abcdefghijklmnopqrstuvwx';

export interface Bench {
  readonly files: EdgeFiles;
  readonly worker: FakeWorker;
  outbox: FakeOutbox;
  readonly sink: FakeSink;
  readonly events: FakeEvents;
  readonly world: FakeWorld;
  /** Enrols and starts the link. */
  connected(limits?: Partial<BackoffLimits & LiveFeedLimits>): Promise<EdgeLink>;
}

/** Gives what holds the parts of the test that is running. */
export function useBench(): () => Bench {
  let bench: Bench | null = null;
  let clean: () => Promise<void> = () => Promise.resolve();
  beforeEach(async () => {
    const dir = mkdtempSync(join(tmpdir(), 'edgeban-edge-'));
    const worker = await startFakeWorker();
    let link: EdgeLink | null = null;
    const made: Bench = {
      files: edgeFiles(join(dir, 'edgeban.sqlite3')),
      worker,
      outbox: fakeOutbox(),
      sink: fakeSink(),
      events: fakeEvents(),
      world: fakeWorld(),
      connected: async (limits = {}) => {
        const { files, outbox, sink, events, world } = made;
        const settings = await enroll({ files, url: worker.url, token, name: 'web1', world });
        link = new EdgeLink({ settings, outbox, sink, events, world, limits });
        link.start();
        return link;
      },
    };
    bench = made;
    clean = async () => {
      await link?.stop();
      await worker.close();
      rmSync(dir, { recursive: true, force: true });
    };
  });
  afterEach(() => clean());
  return () => {
    if (bench === null) throw new Error('no test is running');
    return bench;
  };
}

/** `count` addresses, in order. */
export function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `198.51.100.${at + 1}`);
}
