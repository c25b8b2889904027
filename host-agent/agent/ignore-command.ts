/** ignorecommand: a command of the operator's is asked about each failure, beside the reading of lines, and its answers are kept. */
import { parseAddress } from '../../shared/address.ts';
import {
  captureOf,
  fillCommand,
  fillText,
  reverseName,
  type TagValue,
  tagsIn,
} from '../../shared/config/dynamic-tags.ts';
import type { IgnoreCache } from '../../shared/config/jail-values.ts';
import type { Failure } from '../../shared/ticket.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';
import type { Exit, Shell } from '../system/shell.ts';
import type { Core } from './parts.ts';
import type { JailPlan } from './plan.ts';

export const ignoreCommandLimits = {
  /** Failures of one jail that wait for their answers. */
  waiting_max: 2_000,
  /** fail2ban's keys have no bound. */
  key_chars_max: 1_000,
  /** Whom it has let off lately, to be told by explain. */
  let_off_max: 1_000,
} as const;

interface IgnoreCommandWorld {
  readonly shell: Pick<Shell, 'run'>;
  /** The host name of an address; null if it has none. */
  nameOf(address: string): Promise<string | null>;
  readonly hostname: string;
  now(): UnixTime;
  bantime(): Seconds;
}

/** `trouble`: the command could not say; the failure counts. */
export type Answer = { readonly ignored: boolean; readonly trouble: string | null };

interface Kept {
  readonly answer: Promise<Answer>;
  readonly until: UnixTime;
}

/** Null: the jail has none. */
export function ignoreCommandOf({ name, ...plan }: JailPlan, { parts, engine }: Core): IgnoreCommand | null {
  if (plan.ignorecommand === null) return null;
  return new IgnoreCommand(plan.ignorecommand, plan.ignorecache, {
    shell: parts.shell,
    nameOf: (address) => parts.resolver.nameOf(address),
    hostname: parts.hostname,
    now: () => parts.now(),
    bantime: () => engine.rules(name).bantime,
  });
}

export class IgnoreCommand {
  readonly #command: string;
  readonly #cache: IgnoreCache | null;
  readonly #world: IgnoreCommandWorld;
  /** By the filled-in key, oldest first. */
  readonly #kept = new Map<string, Kept>();
  /** The same question is not asked twice at a time. */
  readonly #asking = new Map<string, Promise<Answer>>();
  /** Who was let off when last asked about, oldest first. */
  readonly #letOff = new Set<string>();
  #waiting = 0;

  constructor(command: string, cache: IgnoreCache | null, world: IgnoreCommandWorld) {
    this.#command = command;
    this.#cache = cache;
    this.#world = world;
  }

  /** Exit status 0 lets the failure off, 1 does not. Never rejects. */
  async ask(failure: Failure): Promise<Answer> {
    if (this.#waiting >= ignoreCommandLimits.waiting_max) return trouble('too many failures wait for its answers');
    this.#waiting += 1;
    try {
      const tags = await this.#tagsOf(failure);
      const answer = await (this.#cache === null ? this.#run(tags) : this.#throughCache(this.#cache, tags));
      this.#note(failure.id, answer);
      return answer;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Was it let off when the command was last asked about it, as far as that is remembered? */
  hasLetOff(id: string): boolean {
    return this.#letOff.has(id);
  }

  #note(id: string, { ignored }: Answer): void {
    this.#letOff.delete(id);
    if (!ignored) return;
    this.#letOff.add(id);
    const [oldest] = this.#letOff;
    if (oldest !== undefined && this.#letOff.size > ignoreCommandLimits.let_off_max) this.#letOff.delete(oldest);
  }

  #throughCache({ key: text, max_count, max_time }: IgnoreCache, tags: TagValue): Promise<Answer> {
    const key = fillText(text, tags).slice(0, ignoreCommandLimits.key_chars_max);
    const now = this.#world.now();
    const known = this.#kept.get(key);
    if (known !== undefined && known.until > now && known.until - now <= max_time) return known.answer;
    const answer = this.#run(tags);
    this.#kept.delete(key);
    this.#kept.set(key, { answer, until: now + max_time });
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > max_count && oldest.done !== true) this.#kept.delete(oldest.value);
    // what could not be answered is asked again
    void answer.then(({ trouble: none }) => none !== null && this.#kept.delete(key));
    return answer;
  }

  #run(tags: TagValue): Promise<Answer> {
    const command = fillCommand(this.#command, tags);
    const question = JSON.stringify(command);
    const known = this.#asking.get(question);
    if (known !== undefined) return known;
    const answer = this.#world.shell.run(command).then(answerOf);
    this.#asking.set(question, answer);
    void answer.then(() => this.#asking.delete(question));
    return answer;
  }

  /** fail2ban's tags of a failure (ActionInfo), as its Python prints them. */
  async #tagsOf(failure: Failure): Promise<TagValue> {
    const { id, ip, time, matches, groups } = failure;
    const address = ip ?? id;
    const wanted = tagsIn(`${this.#command}${this.#cache?.key ?? ''}`);
    const family = parseAddress(address)?.family;
    const host = wanted.includes('ip-host') ? ((await this.#world.nameOf(address)) ?? 'None') : '';
    const tags: Readonly<Record<string, string>> = {
      ip: address,
      fid: id,
      family: family === undefined ? 'None' : `inet${family}`,
      'ip-rev': reverseName(address),
      'ip-host': host,
      failures: '0',
      time: Number.isInteger(time) ? `${time}.0` : String(time),
      bantime: String(this.#world.bantime()),
      bancount: '0',
      restored: '0',
      matches: matches.join('\n'),
      'fq-hostname': this.#world.hostname,
      'sh-hostname': this.#world.hostname.replace(/\..*$/s, ''),
    };
    return (tag) => {
      const capture = captureOf(tag);
      if (capture !== null) return groups[capture] ?? (capture === 'fid' ? id : undefined);
      return Object.hasOwn(tags, tag) ? tags[tag] : undefined;
    };
  }
}

function answerOf(exit: Exit): Answer {
  switch (exit.kind) {
    case 'code':
      return exit.code <= 1 ? { ignored: exit.code === 0, trouble: null } : trouble(`it ended with ${exit.code}`);
    case 'timeout':
      return trouble('it did not end in time');
    case 'full':
      return trouble('too many commands wait already');
    case 'failed':
      return trouble(exit.why);
  }
}

function trouble(why: string): Answer {
  return { ignored: false, trouble: why };
}
