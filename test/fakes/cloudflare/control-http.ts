/** The control of the fake over HTTP: POST (or GET) `/__fake/<word>` with the word's argument as JSON. */
import { messageOf } from '../../../shared/errors.ts';
import type { Control } from './control.ts';
import { granted, Refusal, type Reply, refused } from './reply.ts';

/** A bad argument is a mistake in a test: it is answered with 400 and what zod says. */
export function controlReply(control: Control, word: string, body: string): Reply {
  try {
    return granted(obey(control, word, body === '' ? undefined : JSON.parse(body)) ?? null);
  } catch (error) {
    return refused(new Refusal(400, 1, messageOf(error)));
  }
}

function obey(control: Control, word: string, argument: unknown): unknown {
  const act: unknown = Object.hasOwn(control, word) ? Reflect.get(control, word) : undefined;
  if (typeof act !== 'function')
    throw new Error(`no such word: ${word}; there are: ${Object.keys(control).join(', ')}`);
  return Reflect.apply(act, control, [argument]);
}
