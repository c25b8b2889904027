/** How an action is kept equal to the store when somebody else changes the firewall. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Action, Block } from '../../host-agent/actions/action.ts';
import { Projection, projectionLimits } from '../../host-agent/agent/projection.ts';

const { review_ms, reading_ms_max } = projectionLimits;

/** A firewall: reading what it holds takes `reading_ms`. */
class Firewall implements Action {
  readonly name = 'firewall';
  reading_ms = 0;
  isMade = false;
  blocks: readonly Block[] = [];
  readings = 0;

  async reconcile(wanted: readonly Block[]) {
    this.readings += 1;
    await new Promise((resolve) => setTimeout(resolve, this.reading_ms));
    this.isMade = true;
    this.blocks = wanted;
    return [];
  }

  isThere(sample: readonly Block[]) {
    return Promise.resolve(this.isMade && sample.every((block) => this.blocks.includes(block)));
  }

  apply() {
    return Promise.resolve([]);
  }

  list() {
    return Promise.resolve(this.blocks);
  }

  holds(address: string) {
    return Promise.resolve(this.blocks.some((block) => block.address === address));
  }

  close() {
    return Promise.resolve();
  }
}

describe('the review of an action', () => {
  const firewall = (jails = 1) => {
    const action = new Firewall();
    const wanted = ['192.0.2.1', '192.0.2.2'].map((address) => ({ address, until: null }));
    const projection = new Projection({
      action,
      wanted: () => wanted,
      sample: () => wanted.slice(0, 1),
      jails: () => jails,
      failed: vi.fn(),
      mended: vi.fn(),
    });
    return { action, projection, wanted };
  };

  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  async function start(reading_ms: number, jails = 1) {
    const made = firewall(jails);
    made.action.reading_ms = reading_ms;
    const done = made.projection.reconcile();
    await vi.advanceTimersByTimeAsync(reading_ms);
    await done;
    return made;
  }

  it('makes anew what was emptied, however dear it is to read', async () => {
    const { action, wanted } = await start(1_000);
    action.isMade = false;
    action.blocks = [];
    await vi.advanceTimersByTimeAsync(review_ms + 1_000);
    expect(action.blocks).toEqual(wanted);
  });

  it('so does a set that was emptied, and only that', async () => {
    const { action, wanted } = await start(1_000);
    action.blocks = [];
    await vi.advanceTimersByTimeAsync(review_ms + 1_000);
    expect(action.blocks).toEqual(wanted);
  });

  it('does so while bans never pause', async () => {
    const { action, projection, wanted } = await start(1_000);
    action.isMade = false;
    action.blocks = [];
    for (let waited_ms = 0; waited_ms <= review_ms + 1_000; waited_ms += 500) {
      void projection.change([{ kind: 'add', address: '192.0.2.1', until: null }]);
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(action.blocks).toEqual(wanted);
  });

  it('reads what the sets hold at each review while that is cheap', async () => {
    const { action } = await start(10);
    await vi.advanceTimersByTimeAsync(10 * review_ms);
    expect(action.readings).toBeGreaterThanOrEqual(9);
  });

  it('many jails read more seldom, so that all together take no more of the time', async () => {
    const { action } = await start(10, 20);
    await vi.advanceTimersByTimeAsync(10 * review_ms);
    expect([2, 3]).toContain(action.readings);
  });

  it('reads seldom what is dear to read, but reads it', async () => {
    const { action, wanted } = await start(1_000);
    await vi.advanceTimersByTimeAsync(10 * review_ms);
    expect(action.readings).toBe(1);
    action.blocks = action.blocks.slice(0, 1);
    await vi.advanceTimersByTimeAsync(reading_ms_max);
    expect(action.blocks).toEqual(wanted);
  });
});
