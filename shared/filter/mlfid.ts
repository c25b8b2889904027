/** Sessions of several lines (`<F-MLFID>`): what is known of each connection, merged as fail2ban merges it. */
import type { UnixTime } from '../time.ts';
import { type Caught, type GroupValue, isSet, slot } from './groups.ts';
import {
  matches_per_session_max,
  session_match_chars_max,
  session_seconds_max,
  sessions_max,
  users_per_session_max,
} from './limits.ts';

/**
 * A failure while it is being put together; in a session it is shared by all its lines. What has been handed out of it is not
 * changed: a later line makes other groups and users.
 */
export interface Draft {
  groups: Caught;
  /** Different users of the session, in order of appearance. */
  users: readonly string[];
  matches: readonly string[];
  /** Lines held back while nothing has failed yet. */
  heldMatches: readonly string[];
  /** A failure of this session waits for its id. */
  pending: boolean;
}

interface Session {
  readonly draft: Draft;
  readonly expires: UnixTime;
}

const none: readonly string[] = [];

export function newDraft(groups: Caught): Draft {
  return { groups, users: none, matches: none, heldMatches: none, pending: false };
}

/** The sessions of one filter. */
export class Sessions {
  #sessions = new Map<string, Session>();
  #made = 0;

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Merges what one matching line says into its session. `lines` are the matched lines. Returns the merged draft; its
   * group `nofail` says that this is no failure (yet).
   */
  merge(id: string, groups: Caught, lines: readonly string[], now: UnixTime): Draft {
    const gained = isSet(groups[slot.mlfgained]);
    if (gained && !isSet(groups[slot.nofail])) groups[slot.nofail] = groups[slot.mlfgained] ?? null;
    const forget = isSet(groups[slot.mlfforget]);
    groups[slot.mlfforget] = undefined;
    let quiet = gained || isSet(groups[slot.nofail]);
    const known = this.#get(id, now);
    const draft = known === null ? newDraft(groups) : updated(known, groups, gained);
    if (known !== null || !forget) addUser(draft, groups[slot.user]);
    if (known !== null && forget) this.#sessions.delete(id);
    if (known === null && !forget) this.#set(id, draft, now);
    const real = draft.pending || draft.users.length > 1;
    if (real) {
      calm(draft.groups);
      quiet = false;
    }
    draft.pending = false;
    keepLines(draft, lines.some(isLong) ? lines.map(cut) : lines, { quiet, forget, gained: gained && !real });
    return draft;
  }

  #get(id: string, now: UnixTime): Draft | null {
    const session = this.#sessions.get(id);
    if (session === undefined) return null;
    if (session.expires > now) return session.draft;
    this.#sessions.delete(id);
    return null;
  }

  /** First in, first out. */
  #set(id: string, draft: Draft, now: UnixTime): void {
    while (this.#sessions.size >= sessions_max) {
      const oldest = this.#sessions.keys().next().value;
      if (oldest === undefined) break;
      this.#sessions.delete(oldest);
    }
    this.#renew();
    this.#sessions.set(id, { draft, expires: now + session_seconds_max });
  }

  /**
   * V8 links the table of a map to the one that follows when it is full: one that has grown old would keep all later sessions
   * in memory until the next full collection.
   */
  #renew(): void {
    this.#made += 1;
    if (this.#made % sessions_max === 0) this.#sessions = new Map(this.#sessions);
  }
}

/** A known session takes over what the new line says; what was already handed out is forgotten. */
function updated(draft: Draft, groups: Caught, gained: boolean): Draft {
  const wasQuiet = isSet(draft.groups[slot.nofail]) || isSet(draft.groups[slot.mlfgained]);
  draft.groups = [...draft.groups];
  calm(draft.groups);
  if (gained) draft.pending = false;
  if (!wasQuiet && !draft.pending) draft.matches = none;
  for (let place = 0; place < groups.length; place += 1) {
    const value = groups[place];
    if (value !== undefined && value !== null) draft.groups[place] = value;
  }
  return draft;
}

function addUser(draft: Draft, user: GroupValue | undefined): void {
  if (typeof user !== 'string' || user === '') return;
  if (draft.users.length < users_per_session_max && !draft.users.includes(user)) draft.users = [...draft.users, user];
}

function keepLines(
  draft: Draft,
  lines: readonly string[],
  line: { readonly quiet: boolean; readonly forget: boolean; readonly gained: boolean },
): void {
  if (!line.quiet) {
    const own = line.gained ? [] : lines;
    const isFirst = draft.heldMatches.length + draft.matches.length === 0;
    draft.matches = isFirst ? own : [...draft.heldMatches, ...draft.matches, ...own].slice(-matches_per_session_max);
    draft.heldMatches = none;
  } else if (!line.forget) {
    if (lines.length > 0) draft.heldMatches = [...draft.heldMatches, ...lines].slice(-matches_per_session_max);
  }
}

function isLong(text: string): boolean {
  return text.length > session_match_chars_max;
}

function cut(text: string): string {
  return isLong(text) ? text.slice(0, session_match_chars_max) : text;
}

/** It is a failure after all. */
function calm(groups: Caught): void {
  groups[slot.nofail] = undefined;
  groups[slot.mlfgained] = undefined;
}
