/** Enforcement at the edge: lists against their cap, what is still to be done, rules, budgets, and the switches. */
import type { Enforcement, Summary } from '../shared/view.ts';
import { useDesk, useView } from './desk.ts';
import { Ago, Badge, Card, Empty, Left, Meter, Table, Trouble } from './parts.tsx';
import { count, many, plain } from './words.ts';

export function EdgeView() {
  const { data, error } = useView('enforcement', {}, '', 15);
  const summary = useView('summary');
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Enforcement</h1>
        {summary.data === null ? null : <Switches summary={summary.data} />}
      </div>
      <Trouble text={error} />
      {data === null ? null : (
        <>
          <State edge={data} summary={summary.data} />
          <div class="columns">
            <Lists edge={data} />
            <Budgets edge={data} />
          </div>
          <Rules edge={data} />
        </>
      )}
    </>
  );
}

function Switches({ summary: { panic, brake } }: { summary: Summary }) {
  const { ask } = useDesk();
  return (
    <div class="buttons">
      <button type="button" onClick={() => ask({ kind: brake === null ? 'brake' : 'release' })}>
        {brake === null ? 'Pull the brake …' : 'Release the brake'}
      </button>
      <button
        type="button"
        class={panic === null ? 'grave' : 'primary'}
        onClick={() => ask({ kind: panic === null ? 'panic' : 'resume' })}
      >
        {panic === null ? 'Panic …' : 'Resume'}
      </button>
    </div>
  );
}

const modes = {
  list: 'a list and a WAF rule',
  'access-rules': 'IP access rules',
  gate: 'this Worker, before the sites',
  none: 'nothing: bans are shared with the hosts only',
} as const;

function State({ edge, summary }: { edge: Enforcement; summary: Summary | null }) {
  const { drift, operation, error, wait_until, reconciled_at, snapshot } = edge;
  const lifted = summary?.panic != null;
  return (
    <Card
      title="State"
      aside={
        <Badge tone={lifted ? 'bad' : edge.current ? 'good' : 'warn'}>
          {lifted ? 'lifted' : edge.current ? 'in step' : 'catching up'}
        </Badge>
      }
    >
      <dl class="facts">
        <dt>Enforced by</dt>
        <dd>{modes[edge.mode]}</dd>
        <dt>Drift</dt>
        <dd>{drift === null ? '–' : driftText(drift)}</dd>
        <dt>Operation</dt>
        <dd>
          {operation === null
            ? 'none is under way'
            : `${plain(operation.kind)} of ${many(operation.items, 'item')}, since `}
          {operation === null ? null : <Ago at={operation.since} />}
        </dd>
        <dt>Read back</dt>
        <dd>{reconciled_at === null ? 'not yet' : <Ago at={reconciled_at} />}</dd>
        <dt>KV snapshot</dt>
        <dd>
          {snapshot.current ? 'up to date' : 'behind'}
          {snapshot.written_at === null ? ', never written' : ', written '}
          {snapshot.written_at === null ? null : <Ago at={snapshot.written_at} />}
          {snapshot.error === null ? null : <Trouble text={snapshot.error} />}
        </dd>
        {wait_until === null ? null : (
          <>
            <dt>Waits</dt>
            <dd>
              <Left until={wait_until} />
            </dd>
          </>
        )}
        {edge.former.map((text) => (
          <Former key={text} text={text} />
        ))}
      </dl>
      <Trouble text={error === null ? null : `${error.message} (${error.code})`} />
    </Card>
  );
}

function Former({ text }: { text: string }) {
  return (
    <>
      <dt>Of before</dt>
      <dd>{plain(text)}</dd>
    </>
  );
}

function driftText({ missing, surplus, left_out, refused }: NonNullable<Enforcement['drift']>): string {
  const parts = [
    [missing, 'missing'],
    [surplus, 'too many'],
    [left_out, 'without room'],
    [refused, 'refused'],
  ] as const;
  const told = parts.flatMap(([value, text]) => (value === 0 ? [] : [`${count(value)} ${text}`]));
  return told.length === 0 ? 'none' : told.join(', ');
}

function Lists({ edge: { lists } }: { edge: Enforcement }) {
  return (
    <Card title="Lists">
      {lists.length === 0 ? <Empty>No list is used in this mode.</Empty> : null}
      {lists.map(({ name, action, ours, foreign, max }) => (
        <div key={name} class="use">
          <p>
            <code>{plain(name)}</code> <Badge tone={action === 'block' ? 'bad' : 'warn'}>{action}</Badge>
          </p>
          <Meter label={`Use of the list ${plain(name)}`} value={ours + foreign} max={max} />
          <p class="hint">
            {count(ours)} of edgeban and {count(foreign)} of others, of {count(max)}
          </p>
        </div>
      ))}
    </Card>
  );
}

function Budgets({ edge: { budgets } }: { edge: Enforcement }) {
  return (
    <Card title="Budgets" aside={<span class="hint">left to spend at once</span>}>
      {budgets.map(({ name, left, max, refill_per_hour }) => (
        <div key={name} class="use">
          <p>
            {plain(name)}{' '}
            <span class="value">
              {count(left)} <span class="hint">of {count(max)}</span>
            </span>
          </p>
          <Meter label={`Budget of ${plain(name)}`} value={left} max={max} good="high" />
          <p class="hint">{count(refill_per_hour)} more an hour</p>
        </div>
      ))}
    </Card>
  );
}

function Rules({ edge: { rules } }: { edge: Enforcement }) {
  if (rules.length === 0) return null;
  return (
    <Card title="WAF rules">
      <Table label="WAF rules" heads={['Zone', 'Action', 'State', 'Place']}>
        {rules.map(({ zone, action, there, enabled, first, error }) => (
          <tr key={`${zone} ${action}`}>
            <td data-head="Zone">
              <code>{plain(zone)}</code>
            </td>
            <td data-head="Action">{action}</td>
            <td data-head="State">
              <Badge tone={there && enabled ? 'good' : 'bad'}>{!there ? 'missing' : enabled ? 'on' : 'off'}</Badge>
              {error === null ? null : <span class="hint"> {plain(error.message)}</span>}
            </td>
            <td data-head="Place">{!there ? '–' : first ? 'first' : 'behind another rule'}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
