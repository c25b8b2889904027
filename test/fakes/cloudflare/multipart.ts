/** A multipart body taken apart: what wrangler uploads a Worker as. */

export interface Part {
  readonly name: string;
  readonly type: string;
  readonly text: string;
}

/** The parts of `body`; null if it is not what `contentType` says. */
export function partsOf(contentType: string, body: string): Part[] | null {
  const boundary = /^multipart\/form-data;\s*boundary=([^;]+)$/.exec(contentType)?.[1];
  if (boundary === undefined || !body.trimEnd().endsWith(`--${boundary}--`)) return null;
  const pieces = body.split(`--${boundary}`).slice(1, -1);
  return pieces.flatMap((piece) => {
    const at = piece.indexOf('\r\n\r\n');
    const head = piece.slice(0, at);
    const name = /name="([^"]*)"/.exec(head)?.[1];
    if (at < 0 || name === undefined) return [];
    const type = /content-type:\s*([^\r\n]+)/i.exec(head)?.[1] ?? 'text/plain';
    return [{ name, type, text: piece.slice(at + 4).replace(/\r\n$/, '') }];
  });
}
