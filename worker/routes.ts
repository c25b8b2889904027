/** Every route of the API with its shapes: what /openapi.json says, and what the operator's requests are checked against. */
import { createRoute, z } from '@hono/zod-openapi';
import { AlertsPage } from '../shared/alerts.ts';
import {
  EdgeAbility,
  EdgeStory,
  EnrollReply,
  EnrollRequest,
  EventBatch,
  EventReceipt,
  FeedPage,
  Problem,
  RotateReply,
  RotateRequest,
  signedHeaders,
} from '../shared/wire.ts';
import {
  ActsPage,
  Allowed,
  AllowedView,
  AllowRequest,
  BansPage,
  BanView,
  HostView,
  Lifted,
  OpenToken,
  OperatorBan,
  PanicRequest,
  SnapshotView,
  StatusView,
  Switched,
} from './shapes.ts';

const failure = { description: 'a problem', content: { 'application/problem+json': { schema: Problem } } };

function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

export function body<T extends z.ZodType>(schema: T) {
  return { required: true, content: { 'application/json': { schema } } };
}

/** The answers of a route: `schema` if all is well, otherwise a problem. */
export function answers<T extends z.ZodType>(schema: T, description: string) {
  return { 200: json(schema, description), default: failure };
}

export const operator = [{ operator: [] }];
const signed = [{ host: [], time: [], nonce: [], signature: [] }];
export const addressParam = z.object({
  address: z.string().max(49).meta({ description: 'address or CIDR, percent-encoded' }),
});

/** `resetting=1`: the page before had `reset` and `more`. Without a ledger, or with another one's, the pages start from nothing. */
const FeedQuery = z.object({
  ledger: z.uuid().optional(),
  cursor: z.coerce.number().int().min(0).default(0),
  resetting: z.literal('1').optional(),
});

export const securitySchemes = {
  operator: { type: 'http', scheme: 'bearer', description: 'the secret OPERATOR_TOKEN' },
  metrics: { type: 'http', scheme: 'bearer', description: 'the secret METRICS_TOKEN: for /metrics only' },
  host: { type: 'apiKey', in: 'header', name: signedHeaders.host, description: 'the id that enrolment gave' },
  time: { type: 'apiKey', in: 'header', name: signedHeaders.time, description: 'Unix seconds, at most 120 s off' },
  nonce: { type: 'apiKey', in: 'header', name: signedHeaders.nonce, description: '128 random bits in base64url' },
  signature: {
    type: 'apiKey',
    in: 'header',
    name: signedHeaders.signature,
    description:
      'Ed25519 in base64url over the lines: edgeban-v1, METHOD, path with query, host, time, nonce, SHA-256 of the body in hex',
  },
} as const;

export const routes = {
  health: createRoute({
    method: 'get',
    path: '/v1/health',
    summary: 'Does the Worker answer, and are its settings whole?',
    responses: answers(z.strictObject({ ok: z.literal(true) }), 'it does'),
  }),
  openToken: createRoute({
    method: 'post',
    path: '/v1/enroll-tokens',
    summary: 'A one-time token with which one host may enrol',
    security: operator,
    responses: answers(OpenToken, 'the token; it is shown only here'),
  }),
  enroll: createRoute({
    method: 'post',
    path: '/v1/enroll',
    summary: "Enrols a host's public key; authorised by the one-time token",
    request: { body: body(EnrollRequest) },
    responses: answers(EnrollReply, 'the id of the host and the ledger'),
  }),
  bans: createRoute({
    method: 'get',
    path: '/v1/bans',
    summary: 'All that is banned, page by page',
    security: operator,
    request: {
      query: z.object({
        after: z.string().max(49).default(''),
        limit: z.coerce.number().int().min(1).max(1000).default(1000),
      }),
    },
    responses: answers(BansPage, 'a page'),
  }),
  ban: createRoute({
    method: 'get',
    path: '/v1/bans/{address}',
    summary: 'Who holds an address banned, or the network around it',
    security: operator,
    request: { params: addressParam },
    responses: answers(BanView, 'its holders'),
  }),
  addBan: createRoute({
    method: 'post',
    path: '/v1/bans',
    summary: "The operator's own ban, on all hosts and at the edge",
    security: operator,
    request: { body: body(OperatorBan) },
    responses: answers(BanView, 'its holders'),
  }),
  liftBan: createRoute({
    method: 'delete',
    path: '/v1/bans/{address}',
    summary: 'Lifts an address for all its holders; hosts hear it and unban',
    security: operator,
    request: { params: addressParam },
    responses: answers(Lifted, 'how many held it'),
  }),
  snapshot: createRoute({
    method: 'get',
    path: '/v1/snapshot',
    summary: 'The snapshot as KV holds it now',
    security: operator,
    responses: answers(SnapshotView.nullable(), 'the snapshot; null if KV has none'),
  }),
  hosts: createRoute({
    method: 'get',
    path: '/v1/hosts',
    summary: 'All hosts, revoked ones included',
    security: operator,
    responses: answers(z.strictObject({ hosts: z.array(HostView) }), 'the hosts'),
  }),
  revoke: createRoute({
    method: 'delete',
    path: '/v1/hosts/{id}',
    summary: 'Revokes a host: its key is refused from now on, and all its bans are lifted',
    security: operator,
    request: { params: z.object({ id: z.string().max(64) }) },
    responses: answers(z.strictObject({ host: z.string(), lifted: z.number().int() }), 'how many bans it held'),
  }),
  resume: createRoute({
    method: 'post',
    path: '/v1/resume',
    summary: 'Ends the panic: what was enforced is enforced again',
    security: operator,
    responses: answers(Switched, 'what holds now'),
  }),
  brake: createRoute({
    method: 'post',
    path: '/v1/brake',
    summary: 'Turns blocks into challenges by hand; the ledger does it by itself when bans jump',
    security: operator,
    responses: answers(Switched, 'what holds now'),
  }),
  releaseBrake: createRoute({
    method: 'delete',
    path: '/v1/brake',
    summary: 'Challenges are blocks again; the ledger does not brake by itself for an hour',
    security: operator,
    responses: answers(Switched, 'what holds now'),
  }),
  allowed: createRoute({
    method: 'get',
    path: '/v1/allow',
    summary: 'What is never banned by the word of the operator',
    security: operator,
    responses: answers(
      z.strictObject({ allowed: z.array(AllowedView) }),
      'the entries of the var ALLOW, and the others',
    ),
  }),
  allow: createRoute({
    method: 'post',
    path: '/v1/allow',
    summary: 'An address or network is never banned from now on; bans of it are lifted, and hosts hear that',
    security: operator,
    request: { body: body(AllowRequest) },
    responses: answers(Allowed, 'how many bans were lifted'),
  }),
  disallow: createRoute({
    method: 'delete',
    path: '/v1/allow/{address}',
    summary: 'Takes an entry off the allow list',
    security: operator,
    request: { params: addressParam },
    responses: answers(z.strictObject({ address: z.string() }), 'it may be banned again'),
  }),
  acts: createRoute({
    method: 'get',
    path: '/v1/log',
    summary: 'What was done by hand, by whom and when; the newest 10,000 acts',
    security: operator,
    request: {
      query: z.object({
        after: z.coerce.number().int().min(0).default(0),
        limit: z.coerce.number().int().min(1).max(500).default(500),
      }),
    },
    responses: answers(ActsPage, 'a page'),
  }),
  metrics: createRoute({
    method: 'get',
    path: '/metrics',
    summary: 'How the ledger stands, for Prometheus',
    security: [{ operator: [] }, { metrics: [] }],
    responses: { 200: { description: 'text', content: { 'text/plain': { schema: z.string() } } }, default: failure },
  }),
  status: createRoute({
    method: 'get',
    path: '/v1/status',
    summary: 'How far KV and Cloudflare have followed the ledger',
    security: operator,
    responses: answers(StatusView, 'the status'),
  }),
} as const;

/** The hosts' routes: the Durable Object checks the signature before it looks at the body, so they are only described here. */
export const signedRoutes = [
  createRoute({
    method: 'post',
    path: '/v1/events',
    summary: 'Events of a host, in order; a batch sent twice changes nothing',
    security: signed,
    request: { body: body(EventBatch) },
    responses: answers(EventReceipt, 'how far they are taken in, and which were refused'),
  }),
  createRoute({
    method: 'get',
    path: '/v1/feed',
    summary: 'Changes after a cursor; with Upgrade: websocket each message is a page, those to catch up on first',
    security: signed,
    request: { query: FeedQuery },
    responses: answers(FeedPage, 'a page'),
  }),
  createRoute({
    method: 'get',
    path: '/v1/alerts',
    summary: 'What has begun or ended to be wrong at the edge, for a host that tells people; names only',
    security: signed,
    request: { query: z.object({ after: z.coerce.number().int().min(0).optional() }) },
    responses: answers(AlertsPage, 'after a number; without one, what is wrong now'),
  }),
  createRoute({
    method: 'get',
    path: '/v1/explain/{address}',
    summary: 'Where an address stands now in the ledger, in KV and at Cloudflare; for hosts, and for the operator',
    security: [...signed, ...operator],
    request: { params: addressParam },
    responses: answers(EdgeStory, 'what each of the three says'),
  }),
  createRoute({
    method: 'get',
    path: '/v1/ability',
    summary: 'Whether the edge is able to block and to challenge now; for hosts that leave bans to it alone',
    security: signed,
    responses: answers(EdgeAbility, 'what it is able to do, and why not'),
  }),
  createRoute({
    method: 'post',
    path: '/v1/rotate',
    summary: "Replaces the host's key; signed with the old one, or again with the new one where the answer was lost",
    security: signed,
    request: { body: body(RotateRequest) },
    responses: answers(RotateReply, 'the new key holds, the old one is refused from now on'),
  }),
] as const;

export const panicRoute = createRoute({
  method: 'post',
  path: '/v1/panic',
  summary: 'Lifts all enforcement at the edge at once; the ledger and the hosts keep all bans',
  security: operator,
  request: { body: { ...body(PanicRequest), required: false } },
  responses: answers(Switched, 'what holds now'),
});
