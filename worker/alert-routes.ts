/** What the operator asks of alerts: whom the Worker tells, and whether a message arrives there. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { targetsOf, tryOut } from './alerts/delivery.ts';
import { readAlerts } from './alerts/settings.ts';
import { type Hono, operatorOnly } from './operator.ts';
import { answers, operator } from './routes.ts';

const Target = z.enum(['webhook', 'ntfy']);
const AlertTargets = z.strictObject({ targets: z.array(Target) });
const AlertTest = z.strictObject({
  sent: z.array(
    z.strictObject({ target: Target, error: z.string().nullable().meta({ description: 'null: it arrived' }) }),
  ),
});

const alertRoutes = {
  targets: createRoute({
    method: 'get',
    path: '/v1/alert-targets',
    summary: 'Whom the Worker tells when the edge is broken; never their addresses',
    security: operator,
    responses: answers(AlertTargets, 'the kinds of targets'),
  }),
  test: createRoute({
    method: 'post',
    path: '/v1/alert-test',
    summary: 'Sends a message of trial to each of them, now',
    security: operator,
    responses: answers(AlertTest, 'how that went'),
  }),
};

export function addAlertRoutes(app: OpenAPIHono<Hono>): void {
  for (const { path } of Object.values(alertRoutes)) app.use(path, operatorOnly);
  app.openapi(alertRoutes.targets, (c) => c.json({ targets: targetsOf(readAlerts(c.env)) }, 200));
  app.openapi(alertRoutes.test, async (c) => {
    const parts = { settings: readAlerts(c.env), fetch: (url: string, init: RequestInit) => fetch(url, init) };
    return c.json({ sent: await tryOut({ ...parts, now: () => Date.now() / 1000 }) }, 200);
  });
}
