/** What the fake API answers: Cloudflare's envelope, and its refusals as things to throw. */

export interface Message {
  readonly code: number;
  readonly message: string;
}

export interface Envelope {
  readonly success: boolean;
  readonly errors: readonly Message[];
  readonly messages: readonly Message[];
  readonly result: unknown;
  readonly result_info?: unknown;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Envelope;
}

/** A refusal in Cloudflare's own words. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export function granted(result: unknown, resultInfo?: unknown): Reply {
  const info = resultInfo === undefined ? {} : { result_info: resultInfo };
  return { status: 200, headers: {}, body: { success: true, errors: [], messages: [], result, ...info } };
}

export function refused(refusal: Refusal): Reply {
  const { status, headers, code, message } = refusal;
  return { status, headers, body: { success: false, errors: [{ code, message }], messages: [], result: null } };
}
