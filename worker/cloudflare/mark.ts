/** The mark by which our items and rules are known: `edgeban:<instance>:<until> …`, whole Unix seconds or `forever`. */
import type { Until } from '../../shared/time.ts';
import type { Wanted } from './contract.ts';

const comment_length_max = 80;

/** `edgeban:<instance>:`, with which every comment of ours begins. */
export function markOf(instance: string): string {
  return `edgeban:${instance}:`;
}

export function commentFor(instance: string, until: Until, comment: string): string {
  const plain = comment.replace(/[^\x20-\x7e]+/g, ' ').slice(0, comment_length_max);
  return `${endMark(markOf(instance), until)}${plain}`.trimEnd();
}

export function endMark(mark: string, until: Until): string {
  return `${mark}${until === null ? 'forever' : Math.ceil(until)} `;
}

/** Those of the items that are ours, as they were wanted. */
export function markedOnes(
  items: Iterable<{ readonly address: string; readonly comment: string }>,
  instance = 'main',
  action: Wanted['action'] = 'block',
): Wanted[] {
  return [...items].flatMap(({ address, comment }) => {
    const told = readMark(instance, comment);
    return told === null ? [] : [{ address, action, ...told }];
  });
}

/** What a comment of ours tells; null for one of others. */
function readMark(instance: string, comment: string): { readonly until: Until; readonly comment: string } | null {
  const mark = markOf(instance);
  if (!comment.startsWith(mark)) return null;
  const told = /^(forever|\d{1,11})(?: (.*))?$/.exec(comment.slice(mark.length));
  if (told === null) return null;
  return { until: told[1] === 'forever' ? null : Number(told[1]), comment: told[2] ?? '' };
}
