/** Writes nft's language: from typed changes of set elements, of names that cannot say anything else, to a script. */
import { EdgebanError } from '../../shared/errors.ts';
import { isNftWord } from './nft-words.ts';

/** nft's times have at most eight digits a unit; a hundred years are as good as for ever. */
const TIMEOUT_SECONDS_MAX = 36_500 * 86_400;

/** A set, by names that nameOf has let through. */
export interface SetRef {
  readonly family: string;
  readonly table: string;
  readonly set: string;
}

interface Addition {
  readonly set: SetRef;
  readonly kind: 'add';
  readonly element: string;
  /** Null stays for ever. */
  readonly timeout_s: number | null;
  /** A listing has shown that it is not there: a third of the work. */
  readonly fresh?: boolean;
}

/** `element` is an address or network in canonical form. */
export type ElementChange = Addition | { readonly set: SetRef; readonly kind: 'delete'; readonly element: string };

/** There may be very many changes of one set. */
const setKeys = new WeakMap<SetRef, string>();

export function setKey(set: SetRef): string {
  const known = setKeys.get(set);
  if (known !== undefined) return known;
  const key = `${set.family} ${set.table} ${set.set}`;
  setKeys.set(set, key);
  return key;
}

/** The changes of the same element before its last one say nothing any more. */
export function lastOfEach(changes: Iterable<ElementChange>): ElementChange[] {
  const bySet = new Map<string, Map<string, ElementChange>>();
  for (const change of changes) {
    const key = setKey(change.set);
    const last = bySet.get(key) ?? new Map<string, ElementChange>();
    bySet.set(key, last.set(change.element, change));
  }
  return [...bySet.values()].flatMap((last) => [...last.values()]);
}

export function changeKey(change: ElementChange): string {
  return `${setKey(change.set)} ${change.element}`;
}

/**
 * One transaction that makes each element what its change says, whatever it was before: the kernel may have let an element
 * run out, so a delete adds it first, and an end is only changed by deleting the element and adding it again.
 * Deletes come before adds: in an interval set the new may overlap what goes.
 */
export function elementScript(changes: readonly ElementChange[]): string {
  const bySet = Map.groupBy(changes, (change) => setKey(change.set));
  return [...bySet].map(([set, ofSet]) => setScript(set, ofSet)).join('');
}

function setScript(set: string, changes: readonly ElementChange[]): string {
  const gone = changes.filter((change) => change.kind === 'delete').map((change) => change.element);
  const here = changes.filter((change) => change.kind === 'add');
  const renewed = here.filter((change) => change.fresh !== true).map((change) => change.element);
  return [
    statement('add', set, gone),
    statement('delete', set, gone),
    statement('add', set, renewed),
    statement('delete', set, renewed),
    statement('add', set, here.map(withTimeout)),
  ].join('');
}

function statement(verb: 'add' | 'delete', set: string, elements: readonly string[]): string {
  return elements.length === 0 ? '' : `${verb} element ${set} { ${elements.join(', ')} }\n`;
}

function withTimeout(change: { element: string; timeout_s: number | null }): string {
  return change.timeout_s === null ? change.element : `${change.element} timeout ${duration(change.timeout_s)}`;
}

/** Never 0: nft takes that for ever. */
function duration(seconds: number): string {
  const whole = Math.min(Math.max(Math.ceil(seconds), 1), TIMEOUT_SECONDS_MAX);
  return `${Math.floor(whole / 86_400)}d${whole % 86_400}s`;
}

/** `value` if it can stand as a name in a script; `parameter` is whose value it is. Throws ERR_ACTION_PARAMETER. */
export function nameOf(parameter: string, value: string): string {
  if (isNftWord(value)) {
    throw new EdgebanError('ERR_ACTION_PARAMETER', `${parameter} = ${show(value)} is a word of nft's own language`, {
      remedy: `choose another name, such as f2b-${value}`,
    });
  }
  if (/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/.test(value)) return value;
  const remedy = 'use 1 to 64 letters, digits, _ . - and begin with a letter';
  throw new EdgebanError('ERR_ACTION_PARAMETER', `${parameter} = ${show(value)} is no name for nft`, { remedy });
}

/** A value as it may stand in a message. */
export function show(value: string): string {
  return JSON.stringify(value.slice(0, 80));
}
