/** What all parts of the page share: the session, the clock, the newest events, and the ways to act and to speak. */

import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { LiveEvent, Session } from '../shared/view.ts';
import { look, type View, type ViewName } from './api.ts';
import type { LineState } from './live.ts';

/** Something that is to be confirmed before it is done. */
export type Ask =
  | { readonly kind: 'unban' | 'disallow'; readonly address: string }
  | { readonly kind: 'ban' | 'allow'; readonly address: string }
  | { readonly kind: 'panic' | 'resume' | 'brake' | 'release' };

export interface Desk {
  readonly session: Session;
  /** Unix seconds by the server's clock as far as it is known; goes on every second. */
  readonly now: number;
  /** Goes up when what was read before may have changed. */
  readonly changes: number;
  /** Goes up with each act of this page's own. */
  readonly done: number;
  /** Newest first. */
  readonly events: readonly LiveEvent[];
  readonly line: LineState;
  readonly ask: (what: Ask) => void;
  /** What could not be had, in words; null: the whole page says it, for the session is over or somebody stands before it. */
  readonly fail: (error: unknown) => string | null;
}

export const DeskContext = createContext<Desk | null>(null);

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (desk === null) throw new Error('there is no desk');
  return desk;
}

/** What an act of one's own has taken away may have had the focus: whoever goes by keyboard goes on at the heading. */
export function useKeptFocus(shown: unknown): void {
  const { done } = useDesk();
  useEffect(() => {
    const isLost = done > 0 && document.activeElement === document.body;
    if (isLost) document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
  }, [shown, done]);
}

export interface Loaded<T> {
  /** The newest answer, also while it is asked for again. */
  readonly data: T | null;
  readonly error: string | null;
}

/** A view, read again every `again_s` seconds, and whenever `changes` goes up: by itself that is with all that changes. */
export function useView<K extends ViewName>(
  view: K,
  query: Readonly<Record<string, string | number>> = {},
  rest = '',
  again_s = 30,
  changes?: number,
): Loaded<View<K>> {
  const { fail, changes: all } = useDesk();
  const trigger = changes ?? all;
  const [loaded, setLoaded] = useState<Loaded<View<K>>>({ data: null, error: null });
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify([view, query, rest]);
  const shown = useRef(key);
  useEffect(() => {
    const timer = window.setInterval(() => setTurn((count) => count + 1), again_s * 1000);
    return () => window.clearInterval(timer);
  }, [again_s]);
  useEffect(() => {
    const stop = new AbortController();
    const isOther = shown.current !== key;
    shown.current = key;
    if (isOther) setLoaded(({ data }) => ({ data: view === 'story' ? null : data, error: null }));
    look(view, query, rest, stop.signal).then(
      (data) => setLoaded({ data, error: null }),
      (thrown: unknown) => {
        if (stop.signal.aborted) return;
        const error = fail(thrown);
        setLoaded(({ data }) => ({ data, error }));
      },
    );
    return () => stop.abort();
  }, [key, trigger, turn]);
  return loaded;
}
