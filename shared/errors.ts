/** Every error that an operator can meet, by code. The README's table of codes is held to this one by a test. */

interface CodeInfo {
  /** HTTP status, where the Worker's API answers with it. */
  readonly status: number;
  /** One line: what happened, in the operator's words. */
  readonly title: string;
}

const table = {
  ERR_INTERNAL: { status: 500, title: 'edgeban itself is at fault' },
  // addresses and guards
  ERR_ADDRESS_INVALID: { status: 400, title: 'not an IP address or network' },
  ERR_GUARD_RESERVED: { status: 422, title: 'private, local or reserved addresses are never banned' },
  ERR_GUARD_CLOUDFLARE: { status: 422, title: "Cloudflare's own addresses are never banned" },
  ERR_GUARD_OWN: { status: 422, title: 'an address of the host itself is never banned' },
  ERR_GUARD_ALLOWED: { status: 422, title: 'an address on the allow list is never banned' },
  ERR_GUARD_WIDE: { status: 422, title: 'the network is wider than may be banned' },
} as const satisfies Record<string, CodeInfo>;

export type ErrorCode = keyof typeof table;

export const errorCodes: Readonly<Record<ErrorCode, CodeInfo>> = table;

/** Where an error stands and what to do about it; never a secret. */
export interface ErrorPlace {
  readonly file?: string;
  readonly line?: number;
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** An error of the operator's world: bad configuration, input, network, Cloudflare. Our own bugs are plain Errors. */
export class EdgebanError extends Error {
  override readonly name = 'EdgebanError';
  readonly code: ErrorCode;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    this.file = place.file;
    this.line = place.line;
    this.remedy = place.remedy;
  }

  /** HTTP status for the Worker's API. */
  get status(): number {
    return errorCodes[this.code].status;
  }
}

/** `file:line: message; remedy`: the form in which the programs print an error. */
export function describeError(error: unknown): string {
  if (!(error instanceof EdgebanError)) return error instanceof Error ? error.message : String(error);
  const place = error.file === undefined ? '' : `${error.file}${error.line === undefined ? '' : `:${error.line}`}: `;
  return `${place}${error.message}${error.remedy === undefined ? '' : `; ${error.remedy}`}`;
}
