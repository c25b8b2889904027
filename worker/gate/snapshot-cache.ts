/** The snapshot as this isolate knows it: read from KV once a minute at the most, whatever comes. */
import type { Seconds, UnixTime } from '../../shared/time.ts';
import { BanList } from '../ban-list.ts';
import { snapshotKey } from '../ledger/snapshot.ts';

export interface SnapshotReader {
  get(key: string, options: { readonly type: 'arrayBuffer'; readonly cacheTtl: number }): Promise<ArrayBuffer | null>;
}

const read_every_s: Seconds = 60;
/** Whoever comes while the first reading is under way waits for it, up to so long, and then goes on to the origin. */
const first_wait_ms_max = 500;
const first_wait_step_ms = 10;

/** One for an isolate: requests share what it knows, and none waits for a promise of another one's. */
export class SnapshotCache {
  #list: BanList | null = null;
  #triedAt: UnixTime = Number.NEGATIVE_INFINITY;
  #isReading = false;

  /**
   * Null: there is no snapshot, or it cannot be read. An old one stays in use while a new one cannot be had: bans in it end
   * by themselves. `later` keeps a promise alive beyond the request.
   */
  async current(kv: SnapshotReader, now: UnixTime, later: (refresh: Promise<void>) => void): Promise<BanList | null> {
    const since = now - this.#triedAt;
    if (since < 0 || since >= read_every_s) {
      this.#triedAt = now;
      const refresh = this.#read(kv);
      if (this.#list === null) await refresh;
      else later(refresh);
    } else if (this.#list === null && since * 1000 < first_wait_ms_max) await this.#firstReading();
    return this.#list;
  }

  async #read(kv: SnapshotReader): Promise<void> {
    this.#isReading = true;
    try {
      const bytes = await kv.get(snapshotKey, { type: 'arrayBuffer', cacheTtl: read_every_s });
      const read = bytes === null ? null : BanList.open(bytes);
      // places of KV are a minute or more behind each other: what has been lifted since does not come back
      if (read === null || this.#list === null || read.writtenAt >= this.#list.writtenAt) this.#list = read;
    } catch {
      // fails open: what was read before still counts
    } finally {
      this.#isReading = false;
    }
  }

  async #firstReading(): Promise<void> {
    for (let waited = 0; this.#isReading && waited < first_wait_ms_max; waited += first_wait_step_ms)
      await new Promise((resolve) => setTimeout(resolve, first_wait_step_ms));
  }
}
