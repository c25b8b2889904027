/** The mark by which our items and rules are known: `edgeban:<instance>:<until> …`, whole Unix seconds or `forever`. */
import type { Until } from '../../shared/time.ts';

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
