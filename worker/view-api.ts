/** The dashboard's routes: login, logout, what it reads, and its live events. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { z } from 'zod';
import manifest from '../package.json' with { type: 'json' };
import { formatPrefix } from '../shared/address.ts';
import { EdgebanError } from '../shared/errors.ts';
import {
  Acts,
  type AddressStory,
  AllowedRows,
  BanRows,
  Enforcement,
  Hosts,
  Series,
  type Session,
  Summary,
  Top,
  viewActs,
} from '../shared/view.ts';
import { isToken } from './auth.ts';
import { readAddress } from './ledger/address.ts';
import { LedgerStory } from './ledger/address-story.ts';
import { asSession, type Question } from './ledger/dashboard.ts';
import { type Hono, ledgerOf, operatorOnly, personNamed, personOf, unwrap } from './operator.ts';
import { problemOf } from './problem.ts';
import { type BrowserSession, newSession, noCookie, refuseForeign } from './session.ts';
import { readSettings } from './settings.ts';
import { edgeStory } from './story.ts';
import { viewRoutes } from './view-routes.ts';

export function addViews(app: OpenAPIHono<Hono>): void {
  app.openapi(viewRoutes.login, async (c) => {
    refuseForeign(c.req.raw);
    const { token, name } = c.req.valid('json');
    const { operatorToken } = readSettings(c.env);
    const person = personNamed(c, name);
    unwrap(await ledgerOf(c.env).view({ what: 'login', person, isRight: await isToken(token, operatorToken) }));
    const { session, cookie } = await newSession(operatorToken, name, Date.now() / 1000);
    c.header('set-cookie', cookie);
    return c.json(viewSession(c, session), 200);
  });
  app.use('/v1/session', operatorOnly);
  app.use('/v1/view/*', operatorOnly);
  app.openapi(viewRoutes.session, (c) => c.json(viewSession(c, sessionOf(c)), 200));
  app.openapi(viewRoutes.logout, async (c) => {
    unwrap(await ledgerOf(c.env).view({ what: 'logout', person: personOf(c), session: sessionOf(c) }));
    return c.body(null, 204, { 'set-cookie': noCookie });
  });
  addLedgerViews(app);
  app.openapi(viewRoutes.story, async (c) => c.json(await storyOf(c, c.req.valid('param').address), 200));
  app.openAPIRegistry.registerPath(viewRoutes.live);
  app.get('/v1/view/live', (c) => {
    if (c.req.header('upgrade')?.toLowerCase() === 'websocket')
      return ledgerOf(c.env).fetch(asSession(c.req.raw, sessionOf(c)));
    throw new EdgebanError('ERR_REQUEST_INVALID', 'the live events are a WebSocket');
  });
}

function addLedgerViews(app: OpenAPIHono<Hono>): void {
  app.openapi(viewRoutes.summary, async (c) => c.json(await ask(c, { what: 'summary' }, Summary), 200));
  app.openapi(viewRoutes.top, async (c) => c.json(await ask(c, { what: 'top' }, Top), 200));
  app.openapi(viewRoutes.hosts, async (c) => c.json(await ask(c, { what: 'hosts' }, Hosts), 200));
  app.openapi(viewRoutes.enforcement, async (c) => c.json(await ask(c, { what: 'enforcement' }, Enforcement), 200));
  app.openapi(viewRoutes.allowed, async (c) => c.json(await ask(c, { what: 'allowed' }, AllowedRows), 200));
  app.openapi(viewRoutes.series, async (c) =>
    c.json(await ask(c, { what: 'series', query: c.req.valid('query') }, Series), 200),
  );
  app.openapi(viewRoutes.bans, async (c) =>
    c.json(await ask(c, { what: 'bans', query: c.req.valid('query') }, BanRows), 200),
  );
  app.openapi(viewRoutes.acts, async (c) => {
    const { before, limit } = c.req.valid('query');
    return c.json(await ask(c, { what: 'acts', before: before ?? null, limit }, Acts), 200);
  });
}

/** Asks the ledger; what it answers is held to its shape. */
async function ask<T>(c: Context<Hono>, question: Question, shape: z.ZodType<T>): Promise<T> {
  return shape.parse(unwrap(await ledgerOf(c.env).view(question)));
}

/** Who comes with the bearer token has no session. */
function sessionOf(c: Context<Hono>): BrowserSession {
  const session = c.get('session');
  if (session !== undefined) return session;
  throw new EdgebanError('ERR_AUTH_SESSION', 'there is no session: log in (POST /v1/session)');
}

function viewSession(c: Context<Hono>, { name, until, csrf }: BrowserSession): Session {
  return {
    who: personNamed(c, name).who,
    expires_at: until,
    csrf,
    serves: 'fleet',
    name: new URL(c.req.url).hostname,
    version: manifest.version,
    live: 'websocket',
    acts: [...viewActs],
    jails: null,
  };
}

/** What the ledger knows, and where the address stands at the edge; that this cannot be asked is no reason to tell nothing. */
async function storyOf(c: Context<Hono>, text: string): Promise<AddressStory> {
  const address = readAddress(text);
  const name = formatPrefix(address);
  const known = await ask(c, { what: 'story', address: name }, LedgerStory);
  try {
    const held = await ledgerOf(c.env).ban(name);
    return { ...known, edge: await edgeStory(c.env, address, held), edge_trouble: null, host: null };
  } catch (error) {
    return { ...known, edge: null, edge_trouble: problemOf(error).detail, host: null };
  }
}
