/** The dashboard for Grafana and the rules for Prometheus ask for nothing but figures and labels that hosts and Worker show. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { metricsText as hostText } from '../../host-agent/metrics/text.ts';
import { metricsText as workerText } from '../../worker/ledger/metrics.ts';
import { TestLedger } from '../cloudflare/ledger.ts';
import { openScene } from '../cloudflare/scene.ts';
import { twoJails } from '../control/fake-agent.ts';

const docs = new URL('../../docs/', import.meta.url);
const Panel = z.object({
  id: z.number(),
  type: z.enum(['row', 'stat', 'timeseries']),
  title: z.string().min(1),
  gridPos: z.object({ x: z.number().min(0), y: z.number().min(0), w: z.number().min(1).max(24), h: z.number().min(1) }),
  targets: z
    .array(
      z.object({
        expr: z.string().min(1),
        refId: z.string(),
        datasource: z.object({ type: z.literal('prometheus'), uid: z.literal(['$', '{datasource}'].join('')) }),
      }),
    )
    .default([]),
});
const Dashboard = z.object({
  title: z.string(),
  uid: z.string(),
  schemaVersion: z.number().min(36),
  panels: z.array(Panel).min(10),
  templating: z.object({ list: z.array(z.object({ name: z.string(), type: z.string(), query: z.unknown() })) }),
});

const dashboard = Dashboard.parse(JSON.parse(readFileSync(new URL('grafana.json', docs), 'utf8')));
const rules = readFileSync(new URL('prometheus-rules.yml', docs), 'utf8');
const asked = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
const alerts = [...rules.matchAll(/^ +expr: (.*)$/gm)].map(([, expr]) => expr ?? '');

/** Labels by the name of a figure, as hosts and Worker write them; `instance` is Prometheus' own. */
async function shown(): Promise<Map<string, Set<string>>> {
  const scene = await openScene();
  onTestFinished(() => scene.close());
  const ledger = new TestLedger(scene);
  ledger.sql.all('UPDATE ledger SET recovered_at = 0');
  ledger.hold('203.0.113.7', null);
  await ledger.settle();
  const edge = { url: '', host: '', feed: 'live', answeredAt: 1, waiting: 0, trouble: null } as const;
  const agent = { ...twoJails(), edge: () => edge };
  const text = hostText(agent, { memory_bytes: 1, cpu_seconds: 1, started_at: 1 }) + workerText(ledger.status);
  const figures = new Map<string, Set<string>>();
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const known = figures.get(name) ?? new Set(['instance']);
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
    figures.set(name, known);
  }
  return figures;
}

const namesIn = (expr: string) => expr.match(/\b(?:edgeban|process)_\w+/g) ?? [];
const labelsIn = (expr: string) => [
  ...[...expr.matchAll(/\b(?:by|without|on) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/, */)),
  ...[...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, list = '']) =>
    [...list.matchAll(/(\w+)[=!]/g)].map(([, name]) => name ?? ''),
  ),
];

describe('each expression', () => {
  it('asks for figures that there are, by labels that they have', async () => {
    const figures = await shown();
    for (const expr of [...asked, ...alerts]) {
      const names = namesIn(expr);
      expect(names.length, expr).toBeGreaterThan(0);
      for (const name of names) expect([...figures.keys()], expr).toContain(name);
      const labels = new Set(names.flatMap((name) => [...(figures.get(name) ?? [])]));
      for (const label of labelsIn(expr)) expect([...labels], expr).toContain(label);
    }
  });

  it('has its parentheses closed, and takes the rate of counters only', async () => {
    for (const expr of [...asked, ...alerts]) {
      expect(expr.split('(').length, expr).toBe(expr.split(')').length);
      for (const [, name = ''] of expr.matchAll(/\b(?:rate|increase)\((\w+)/g)) expect(name).toMatch(/_total$/);
    }
  });

  it('is one of many: no figure but a few is left out', async () => {
    const used = new Set([...asked, ...alerts].flatMap(namesIn));
    const unused = [...(await shown()).keys()].filter((name) => !used.has(name)).sort();
    expect(unused).toEqual(['edgeban_ranges', 'edgeban_snapshot_written_timestamp_seconds']);
  });
});

it('the dashboard has no two panels with one id or one place, and asks for its data source', () => {
  const { panels, templating } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const [index, { gridPos: one, title }] of panels.entries())
    for (const { gridPos: other } of panels.slice(index + 1)) {
      const apart =
        one.x + one.w <= other.x ||
        other.x + other.w <= one.x ||
        one.y + one.h <= other.y ||
        other.y + other.h <= one.y;
      expect(apart, title).toBe(true);
    }
  for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
    ['datasource', 'datasource'],
    ['host', 'query'],
  ]);
});

it('each alert has a name of its own, an expression and a summary', () => {
  const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toHaveLength(alerts.length);
  expect([...rules.matchAll(/^ +summary: ".+"$/gm)]).toHaveLength(names.length);
});
