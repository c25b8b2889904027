/** What is to be said about a configuration: each finding names its place and its remedy. */
import { EdgebanError, type ErrorCode } from '../errors.ts';
import type { Origin } from './sourced.ts';

export interface Finding {
  /** An error leaves its jail (or, without one, what it names) out; a warning and a notice leave all as it is. */
  readonly severity: 'error' | 'warning' | 'notice';
  readonly code: ErrorCode;
  readonly message: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly remedy: string | null;
  readonly jail?: string;
}

/** An error of the operator's at a place of the configuration, to be thrown. */
export function configError(code: ErrorCode, message: string, origin: Origin | null, remedy: string): EdgebanError {
  return new EdgebanError(code, message, { ...origin, remedy });
}

/** A thrown error as a finding, of `jail` where one is at stake. Our own bugs are thrown on. */
export function findingOf(error: unknown, jail?: string): Finding {
  if (!(error instanceof EdgebanError)) throw error;
  const { code, message, file, line, remedy } = error;
  const finding: Finding = {
    severity: 'error',
    code,
    message,
    file: file ?? null,
    line: line ?? null,
    remedy: remedy ?? null,
  };
  return jail === undefined ? finding : { ...finding, jail };
}

/** `error` as a finding that leaves all as it is. */
export function mildFinding(severity: 'warning' | 'notice', error: EdgebanError, jail?: string): Finding {
  return { ...findingOf(error, jail), severity };
}
