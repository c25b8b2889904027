/** The HTTP API: every route under /v1/, its authorisation, and /openapi.json. */
import { OpenAPIHono, type z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';
import { formatPrefix } from '../shared/address.ts';
import { EdgebanError } from '../shared/errors.ts';
import { addAlertRoutes } from './alert-routes.ts';
import { checkBearer, checkClock, placeOf, readSigned, type SignedRequest, sha256 } from './auth.ts';
import { BanList } from './ban-list.ts';
import { readBody, readJson, readText } from './body.ts';
import { dashboardPage } from './dashboard-page.ts';
import { readAddress } from './ledger/address.ts';
import type { Switch } from './ledger/emergency.ts';
import { metricsText } from './ledger/metrics.ts';
import { snapshotKey } from './ledger/snapshot.ts';
import { asOperator, type Hono, ledgerOf, operatorOnly, personOf, unwrap } from './operator.ts';
import { problem, problemOf, problemResponse } from './problem.ts';
import { panicRoute, routes, securitySchemes, signedRoutes } from './routes.ts';
import { type Env, readSettings } from './settings.ts';
import { PanicRequest, type SnapshotView } from './shapes.ts';
import { edgeStory } from './story.ts';
import { addViews } from './view-api.ts';

const snapshot_bans_shown_max = 10_000;

/** Throws away what a failed check found but its first finding: enough to mend a request by. */
function refuseInvalid(result: { success: true } | { success: false; error: z.ZodError }): void {
  if (result.success) return;
  const [issue] = result.error.issues;
  throw new EdgebanError('ERR_REQUEST_INVALID', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as asked'}`);
}

const limitBody: MiddlewareHandler<Hono> = async (c, next) => {
  const body = await readBody(c.req.raw);
  c.set('body', body);
  // GET and HEAD take no body in a new Request, and nobody reads one of theirs
  if (body.byteLength > 0 && !/^(GET|HEAD)$/.test(c.req.method)) c.req.raw = new Request(c.req.raw, { body });
  await next();
};

const metricsOnly: MiddlewareHandler<Hono> = async (c, next) => {
  const { operatorToken, metricsToken } = readSettings(c.env);
  await checkBearer(c.req.header('authorization'), operatorToken, ...(metricsToken === null ? [] : [metricsToken]));
  await next();
};

const isUpgrade = (c: Context<Hono>) => c.req.header('upgrade')?.toLowerCase() === 'websocket';

/** On every answer, errors too; only those of a WebSocket cannot be added to. */
const headers: MiddlewareHandler<Hono> = async (c, next) => {
  await next();
  const answered = c.res;
  if (answered.status === 101) return;
  // one that the ledger has given does not let its headers be changed
  c.res = undefined;
  c.res = new Response(answered.body, answered);
  c.res.headers.set('cache-control', 'no-store');
  const own = c.res.headers.get('content-security-policy');
  await secure(c, async () => {});
  if (own !== null) c.res.headers.set('content-security-policy', own);
};
const secure = secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'none'"] }, referrerPolicy: 'no-referrer' });

async function signedOf(c: Context<Hono>): Promise<SignedRequest> {
  const signed = readSigned(c.req.raw, await sha256(c.get('body')));
  checkClock(signed.time, Date.now() / 1000); // the ledger checks again; here it costs the ledger nothing
  return signed;
}

async function readSnapshot(env: Env): Promise<SnapshotView | null> {
  const bytes = await env.BANS.get(snapshotKey, 'arrayBuffer');
  const list = bytes === null ? null : BanList.open(bytes);
  if (list === null) return null;
  const bans = list.bans(Date.now() / 1000, snapshot_bans_shown_max);
  return { revision: list.revision, written_at: list.writtenAt, count: list.count, bans };
}

export function createApi(): OpenAPIHono<Hono> {
  const app = new OpenAPIHono<Hono>({ defaultHook: refuseInvalid });
  app.onError(answerError);
  app.notFound((c) => problemResponse(problem('ERR_ROUTE', `${c.req.method} ${c.req.path}`)));
  app.use(headers);
  app.use('/v1/*', limitBody);
  addOpenRoutes(app);
  addSignedRoutes(app);
  addOperatorRoutes(app);
  addSwitches(app);
  addAlertRoutes(app);
  addViews(app);
  for (const [name, scheme] of Object.entries(securitySchemes))
    app.openAPIRegistry.registerComponent('securitySchemes', name, scheme);
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'edgeban', version: '1' } });
  return app;
}

function answerError(error: Error): Response {
  if (!(error instanceof HTTPException)) return problemResponse(problemOf(error));
  return error.res ?? problemResponse(problem('ERR_REQUEST_INVALID', error.message));
}

function addOpenRoutes(app: OpenAPIHono<Hono>): void {
  app.get('/', () => dashboardPage());
  app.openapi(routes.health, (c) => {
    readSettings(c.env);
    return c.json({ ok: true } as const, 200);
  });
  app.openapi(routes.enroll, async (c) =>
    c.json(unwrap(await ledgerOf(c.env).enroll(c.req.valid('json'), placeOf(c.req.header('cf-connecting-ip')))), 200),
  );
}

function addSignedRoutes(app: OpenAPIHono<Hono>): void {
  for (const route of signedRoutes) app.openAPIRegistry.registerPath(route);
  app.post('/v1/events', async (c) => {
    const signed = await signedOf(c);
    return c.json(unwrap(await ledgerOf(c.env).events(signed, readText(c.get('body')))));
  });
  app.post('/v1/rotate', async (c) => {
    const signed = await signedOf(c);
    return c.json(unwrap(await ledgerOf(c.env).rotate(signed, readText(c.get('body')))));
  });
  app.get('/v1/explain/:address', async (c) => {
    const address = readAddress(c.req.param('address'));
    const signed = c.req.header('authorization') === undefined ? await signedOf(c) : await asOperator(c);
    const held = await ledgerOf(c.env).ban(formatPrefix(address), signed);
    if ('problem' in held && held.problem.code !== 'ERR_NOT_BANNED') unwrap(held);
    return c.json(await edgeStory(c.env, address, held));
  });
  app.get('/v1/alerts', async (c) => c.json(unwrap(await ledgerOf(c.env).alerts(await signedOf(c)))));
  app.get('/v1/ability', async (c) => c.json(unwrap(await ledgerOf(c.env).ability(await signedOf(c)))));
  app.get('/v1/feed', async (c) => {
    const signed = await signedOf(c);
    if (isUpgrade(c)) return ledgerOf(c.env).fetch(c.req.raw);
    return c.json(unwrap(await ledgerOf(c.env).feed(signed)));
  });
}

const operatorPaths = [
  ...['/v1/enroll-tokens', '/v1/bans', '/v1/bans/*', '/v1/snapshot', '/v1/hosts', '/v1/hosts/*', '/v1/status'],
  ...['/v1/panic', '/v1/resume', '/v1/brake', '/v1/allow', '/v1/allow/*', '/v1/log'],
];

function addOperatorRoutes(app: OpenAPIHono<Hono>): void {
  for (const path of operatorPaths) app.use(path, operatorOnly);
  app.openapi(routes.openToken, async (c) => c.json(unwrap(await ledgerOf(c.env).openEnrollToken(personOf(c))), 200));
  app.openapi(routes.bans, async (c) => {
    const { after, limit } = c.req.valid('query');
    return c.json(unwrap(await ledgerOf(c.env).bans(after, limit)), 200);
  });
  app.openapi(routes.ban, async (c) => c.json(unwrap(await ledgerOf(c.env).ban(c.req.valid('param').address)), 200));
  app.openapi(routes.addBan, async (c) =>
    c.json(unwrap(await ledgerOf(c.env).addBan(c.req.valid('json'), personOf(c))), 200),
  );
  app.openapi(routes.liftBan, async (c) =>
    c.json(unwrap(await ledgerOf(c.env).liftBan(c.req.valid('param').address, personOf(c))), 200),
  );
  app.openapi(routes.snapshot, async (c) => c.json(await readSnapshot(c.env), 200));
  app.openapi(routes.hosts, async (c) => c.json(unwrap(await ledgerOf(c.env).hosts()), 200));
  app.openapi(routes.revoke, async (c) =>
    c.json(unwrap(await ledgerOf(c.env).revoke(c.req.valid('param').id, personOf(c))), 200),
  );
  app.openapi(routes.status, async (c) => c.json(unwrap(await ledgerOf(c.env).status()), 200));
}

/** The operator's acts that concern all bans at once, and who is spared. */
function addSwitches(app: OpenAPIHono<Hono>): void {
  const turn = async (c: Context<Hono>, what: Switch, reason = '') =>
    c.json(unwrap(await ledgerOf(c.env).switch(what, personOf(c), reason)), 200);
  // not checked by its route: who is in a panic may leave out the body
  app.openAPIRegistry.registerPath(panicRoute);
  app.post('/v1/panic', (c) => turn(c, 'panic', readJson(PanicRequest, readText(c.get('body')) || '{}').reason));
  app.openapi(routes.resume, (c) => turn(c, 'resume'));
  app.openapi(routes.brake, (c) => turn(c, 'brake'));
  app.openapi(routes.releaseBrake, (c) => turn(c, 'brake-released'));
  app.openapi(routes.allowed, async (c) => c.json(unwrap(await ledgerOf(c.env).allowed()), 200));
  app.openapi(routes.allow, async (c) =>
    c.json(unwrap(await ledgerOf(c.env).allow(c.req.valid('json'), personOf(c))), 200),
  );
  app.openapi(routes.disallow, async (c) =>
    c.json(unwrap(await ledgerOf(c.env).disallow(c.req.valid('param').address, personOf(c))), 200),
  );
  app.openapi(routes.acts, async (c) => {
    const { after, limit } = c.req.valid('query');
    return c.json(unwrap(await ledgerOf(c.env).acts(after, limit)), 200);
  });
  app.use('/metrics', metricsOnly);
  app.openapi(routes.metrics, async (c) => c.text(metricsText(unwrap(await ledgerOf(c.env).status())), 200));
}
