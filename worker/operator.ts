/** Who asks as the operator: with the bearer token, or with the session of a browser; and the way to the ledger. */
import type { Context, MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { checkBearer, placeOf } from './auth.ts';
import { operatorAt, type Person } from './ledger/acts.ts';
import { type Ledger, ledgerName } from './ledger.ts';
import { type Answer, problemResponse } from './problem.ts';
import { type BrowserSession, checkOrigin, readSession } from './session.ts';
import { type Env, readSettings } from './settings.ts';

export interface Hono {
  Bindings: Env;
  Variables: { body: Uint8Array<ArrayBuffer>; session: BrowserSession | undefined };
}

export function ledgerOf(env: Env): DurableObjectStub<Ledger> {
  return env.LEDGER.getByName(ledgerName);
}

/** The value of an answer; its problem is thrown on to onError. */
export function unwrap<T>(answer: Answer<T>): T {
  if ('value' in answer) return answer.value;
  throw new HTTPException(500, { res: problemResponse(answer.problem) });
}

export const operatorOnly: MiddlewareHandler<Hono> = async (c, next) => {
  await asOperator(c);
  await next();
};

/** Throws ERR_AUTH_OPERATOR, or for who comes with a cookie ERR_AUTH_SESSION and ERR_AUTH_CSRF. */
export async function asOperator(c: Context<Hono>): Promise<undefined> {
  const { operatorToken } = readSettings(c.env);
  const authorization = c.req.header('authorization');
  const session = authorization === undefined ? await readSession(c.req.raw, operatorToken, Date.now() / 1000) : null;
  if (session === null) {
    await checkBearer(authorization, operatorToken);
    return undefined;
  }
  await checkOrigin(c.req.raw, session);
  unwrap(await ledgerOf(c.env).view({ what: 'check', session }));
  c.set('session', session);
  return undefined;
}

/** Who asks as the operator, from where. */
export function personOf(c: Context<Hono>): Person {
  return personNamed(c, c.get('session')?.name ?? '');
}

export function personNamed(c: Context<Hono>, name: string): Person {
  return operatorAt(placeOf(c.req.header('cf-connecting-ip')), name);
}
