/** The object's one alarm: set again only for an earlier time, and for any once setting it has failed. */
import type { UnixTime } from '../../shared/time.ts';

type AlarmStorage = Pick<DurableObjectStorage, 'getAlarm' | 'setAlarm'>;

export class AlarmClock {
  readonly #storage: AlarmStorage;
  /** In milliseconds; null: it is not set, or rings. */
  #at: number | null = null;

  constructor(storage: AlarmStorage) {
    this.#storage = storage;
  }

  /** What an object finds that wakes. */
  async load(): Promise<void> {
    this.#at = await this.#storage.getAlarm();
  }

  rings(): void {
    this.#at = null;
  }

  /** Each time that it is set is a written row. A plan whose rows are used up refuses it, and has more at midnight. */
  async wakeAt(due: UnixTime): Promise<void> {
    const at = Math.max(Math.ceil(due * 1000), Date.now());
    if (this.#at !== null && this.#at <= at) return;
    this.#at = at;
    try {
      await this.#storage.setAlarm(at);
    } catch (error) {
      this.#at = null;
      throw error;
    }
  }
}
