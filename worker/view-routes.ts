/** The dashboard's routes with their shapes: what /openapi.json says, and what its questions are checked against. */
import { createRoute, z } from '@hono/zod-openapi';
import {
  Acts,
  AddressStory,
  AllowedRows,
  BanRows,
  BansQuery,
  Enforcement,
  Hosts,
  LiveEvent,
  Series,
  SeriesQuery,
  Session,
  SessionRequest,
  Summary,
  Top,
  viewLimits,
} from '../shared/view.ts';
import { addressParam, answers, body, operator } from './routes.ts';

const ActsQuery = z.object({
  before: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(viewLimits.rows_max).default(100),
});

/** All that a dashboard reads; `shape` is what it gets. */
function view<P extends string, S extends z.ZodType>(path: P, summary: string, shape: S) {
  return createRoute({
    method: 'get',
    path: `/v1/view/${path}` as const,
    summary,
    security: operator,
    responses: answers(shape, 'the view'),
  });
}

export const viewRoutes = {
  login: createRoute({
    method: 'post',
    path: '/v1/session',
    summary: "Opens a session in a browser with the operator's token: a cookie",
    request: { body: body(SessionRequest) },
    responses: answers(Session, 'who has logged in'),
  }),
  session: createRoute({
    method: 'get',
    path: '/v1/session',
    summary: 'The session of the cookie',
    security: operator,
    responses: answers(Session, 'who is logged in'),
  }),
  logout: createRoute({
    method: 'delete',
    path: '/v1/session',
    summary: 'Ends the session: its cookie is refused from now on',
    security: operator,
    responses: { 204: { description: 'it is over' }, default: answers(Session, '').default },
  }),
  summary: view('summary', 'How many are banned, by whom, and what is wrong', Summary),
  top: view('top', 'Networks with most banned addresses, addresses that most hold', Top),
  hosts: view('hosts', 'All hosts with lag and versions', Hosts),
  enforcement: view('enforcement', 'Where enforcement stands: list, drift, rules, budgets', Enforcement),
  allowed: view('allowed', 'What is never banned', AllowedRows),
  series: createRoute({
    ...view('series', 'New bans over time', Series),
    request: { query: SeriesQuery },
  }),
  bans: createRoute({
    ...view('bans', 'What is banned: filtered, sorted, a part of it', BanRows),
    request: { query: BansQuery },
  }),
  story: createRoute({
    ...view('story/{address}', 'All that is known of an address', AddressStory),
    request: { params: addressParam },
  }),
  acts: createRoute({
    ...view('acts', 'What was done by hand, newest first', Acts),
    request: { query: ActsQuery },
  }),
  live: createRoute({
    ...view('live', 'With Upgrade: websocket, each message is one event; answers ping with pong', LiveEvent),
  }),
} as const;
