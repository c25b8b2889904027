/** Which places of a shell script stand inside of single quotes. A wrong answer costs a value its place, never safety. */

type Frame = { readonly kind: 'plain' | 'double' | 'backtick'; readonly end: string };

/** Reads the script once; the answer is for an index of it. */
export function shellContexts(script: string): (index: number) => boolean {
  const quoted: [number, number][] = [];
  const frames: Frame[] = [{ kind: 'plain', end: '' }];
  for (let at = 0; at < script.length; ) at = step(script, at, frames, quoted);
  return (index) => quoted.some(([from, to]) => from < index && index < to);
}

/** Takes one character, or a quoted piece, or a comment; returns where the next begins. */
function step(script: string, at: number, frames: Frame[], quoted: [number, number][]): number {
  const frame = frames.at(-1) ?? { kind: 'plain', end: '' };
  const char = script[at];
  if (char === '\\') return at + 2;
  if (frames.length > 1 && char === frame.end) {
    frames.pop();
    return at + 1;
  }
  if (script.startsWith('$(', at)) return enter(frames, { kind: 'plain', end: ')' }, at + 2);
  if (char === '`') return enter(frames, { kind: 'backtick', end: '`' }, at + 1);
  if (char === '"') return enter(frames, { kind: 'double', end: '"' }, at + 1);
  if (frame.kind === 'double') return at + 1;
  if (char === '(') return enter(frames, { kind: 'plain', end: ')' }, at + 1);
  if (char === '#' && /(^|[\s;&|(])$/.test(script.slice(Math.max(0, at - 1), at))) return endOf(script, '\n', at);
  if (char !== "'") return at + 1;
  const end = endOf(script, "'", at + 1);
  quoted.push([at, end]);
  return end;
}

function enter(frames: Frame[], frame: Frame, next: number): number {
  frames.push(frame);
  return next;
}

/** Behind the next `mark`, or at the end. */
function endOf(script: string, mark: string, from: number): number {
  const found = script.indexOf(mark, from);
  return found < 0 ? script.length : found + 1;
}
