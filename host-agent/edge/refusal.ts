/** What a request to the Worker can end with, as errors. */
import { z } from 'zod';
import { EdgebanError } from '../../shared/errors.ts';
import { Problem } from '../../shared/wire.ts';

/** RFC 9457 with the Worker's own members. */
const FullProblem = Problem.extend({
  expected: z.number().int().min(1).optional(),
  retry_after: z.number().min(0).optional(),
});

/** The Worker has answered, and said no. */
export class EdgeRefusal extends EdgebanError {
  readonly httpStatus: number;
  /** The Worker's own code, ERR_…; null if the answer was not one of ours (a proxy, another server). */
  readonly problem: string | null;
  /** ERR_EVENTS_GAP: the number that it waits for. */
  readonly expected: number | null;
  /** Seconds. */
  readonly retryAfter: number | null;

  constructor(httpStatus: number, body: string, retryAfterHeader: string | undefined) {
    const problem = parseProblem(body);
    const said = problem === null ? '' : `: ${problem.detail.slice(0, 300)} [${problem.code}]`;
    super('ERR_EDGE_REFUSED', `the Worker answered ${httpStatus}${said}`, remedyFor(problem?.code));
    this.httpStatus = httpStatus;
    this.problem = problem?.code ?? null;
    this.expected = problem?.expected ?? null;
    this.retryAfter = problem?.retry_after ?? headerSeconds(retryAfterHeader);
  }
}

/** Waiting will not mend it: an operator must. */
export function isLasting(error: unknown): boolean {
  if (!(error instanceof EdgeRefusal)) return false;
  return error.httpStatus === 401 || error.httpStatus === 403 || error.httpStatus === 404;
}

const remedies: Readonly<Record<string, string>> = {
  ERR_AUTH_HOST: 'enrol this host again (edgeban edge enroll)',
  ERR_AUTH_REVOKED: 'the operator has revoked this host; ask for a token and enrol it again (edgeban edge enroll)',
  ERR_AUTH_SIGNATURE: 'the key is not the enrolled one; enrol this host again (edgeban edge enroll)',
  ERR_AUTH_STALE: "set this host's clock (timedatectl set-ntp true)",
  ERR_ENROLL_TOKEN: 'ask the operator of the Worker for a new token',
};

function remedyFor(code: string | undefined): { remedy?: string } {
  const remedy = code !== undefined && Object.hasOwn(remedies, code) ? remedies[code] : undefined;
  return remedy === undefined ? {} : { remedy };
}

function parseProblem(body: string): z.infer<typeof FullProblem> | null {
  try {
    return FullProblem.safeParse(JSON.parse(body)).data ?? null;
  } catch {
    return null;
  }
}

/** Retry-After in seconds; its date form is not used by Cloudflare. */
function headerSeconds(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) : null;
}
