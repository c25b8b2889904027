/** Bytes that come in pieces, as whole lines. */
import type { Line } from '../../shared/ticket.ts';

/** Of a longer line only the begin is kept: the filter looks at much less. */
const line_bytes_max = 1 << 20;
const newline = 10;

/** The last line counts even without a line end. */
export async function* cutLines(pieces: AsyncIterable<Buffer>): AsyncGenerator<Line[]> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const whole = pending.length === 0 ? piece : Buffer.concat([pending, piece]);
    const lines: Line[] = [];
    let start = 0;
    for (let end = whole.indexOf(newline); end >= 0; end = whole.indexOf(newline, start)) {
      lines.push({ bytes: whole.subarray(start, end) });
      start = end + 1;
    }
    pending = whole.subarray(start, start + line_bytes_max);
    yield lines;
  }
  if (pending.length > 0) yield [{ bytes: pending }];
}
