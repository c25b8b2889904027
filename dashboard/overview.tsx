/** The first view: how many are banned, over time, by whom, and what happens at this moment. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Summary } from '../shared/view.ts';
import { Chart, type Span } from './chart.tsx';
import { useDesk, useView } from './desk.ts';
import { Events } from './events.tsx';
import { Address, Card, Choice, Empty, Name, Trouble } from './parts.tsx';
import type { Theme } from './theme.ts';
import { ago, count, plain } from './words.ts';

export function Overview({ theme }: { theme: Theme }) {
  const { data, error } = useView('summary');
  const { ask } = useDesk();
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>Overview</h1>
        <div class="buttons">
          <button type="button" onClick={() => ask({ kind: 'ban', address: '' })}>
            Ban an address
          </button>
          <PanicButton panic={data?.panic ?? null} />
        </div>
      </div>
      <Trouble text={error} />
      <Troubles summary={data} />
      <Tiles summary={data} />
      <History theme={theme} hasHosts={data?.hosts != null} />
      <div class="columns">
        <Events />
        <TopCards />
        <Shares title="By jail" filter="jail" shares={data?.jails ?? []} />
        {data?.hosts == null ? null : <Shares title="By host" filter="host" shares={data.hosts} />}
      </div>
    </>
  );
}

function PanicButton({ panic }: { panic: Summary['panic'] }) {
  const { ask, session } = useDesk();
  const kind = panic === null ? 'panic' : 'resume';
  if (!session.acts.includes(kind)) return null;
  return (
    <button type="button" class={kind === 'panic' ? 'grave' : 'primary'} onClick={() => ask({ kind })}>
      {kind === 'panic' ? 'Panic …' : 'Resume'}
    </button>
  );
}

function Troubles({ summary }: { summary: Summary | null }) {
  const { now } = useDesk();
  if (summary === null) return null;
  const { panic, troubles } = summary;
  const why =
    panic === null ? '' : ` (${panic.by}, ${ago(panic.since, now)}${panic.reason === '' ? '' : `: ${panic.reason}`})`;
  return (
    <div role="status">
      {troubles.map(({ level, text }, index) => (
        <p key={text} class={`banner ${level === 'error' ? 'bad' : 'warn'}`}>
          {plain(index === 0 && panic !== null ? text + why : text)}
        </p>
      ))}
    </div>
  );
}

function Tiles({ summary }: { summary: Summary | null }) {
  const shown = (value: number | undefined) => (value === undefined ? '–' : count(value));
  const { session } = useDesk();
  const families = summary?.families;
  return (
    <dl class="tiles">
      <div>
        <dt>Banned now</dt>
        <dd>{shown(summary?.banned)}</dd>
        <dd class="hint">
          {shown(families?.v4)} IPv4, {shown(families?.v6)} IPv6
        </dd>
      </div>
      <div>
        <dt>New, last hour</dt>
        <dd>{shown(summary?.last_hour)}</dd>
        <dd class="hint">bans of all jails</dd>
      </div>
      <div>
        <dt>New, last day</dt>
        <dd>{shown(summary?.last_day)}</dd>
        <dd class="hint">{summary === null ? '–' : `${count(summary.last_day / 24)} an hour`}</dd>
      </div>
      {session.serves === 'fleet' ? <FleetTile /> : null}
    </dl>
  );
}

function FleetTile() {
  const { data } = useView('hosts');
  const enrolled = (data?.hosts ?? []).filter((host) => host.revoked_at === null);
  const live = enrolled.filter((host) => host.live).length;
  return (
    <div>
      <dt>Hosts live</dt>
      <dd>
        {data === null ? '–' : live}
        <span class="of"> of {enrolled.length}</span>
      </dd>
      <dd class="hint">
        <a href="#/hosts">lag and versions</a>
      </dd>
    </div>
  );
}

const spans = [
  ['24', '24 h'],
  ['168', '7 d'],
  ['720', '30 d'],
] as const;
const groups = [
  ['jail', 'Jail'],
  ['host', 'Host'],
] as const;

function History({ theme, hasHosts }: { theme: Theme; hasHosts: boolean }) {
  const [hours, setHours] = useState<Span>('24');
  const [by, setBy] = useState<'jail' | 'host'>('jail');
  const { data, error } = useView('series', { hours, by }, '', 60);
  const aside = (
    <div class="choices">
      {hasHosts ? <Choice name="by" label="Bans by" options={groups} value={by} onChange={setBy} /> : null}
      <Choice name="hours" label="How far back" options={spans} value={hours} onChange={setHours} />
    </div>
  );
  return (
    <Card title="New bans" aside={aside}>
      <Trouble text={error} />
      {data === null ? <div class="chart" /> : null}
      {data?.keys.length === 0 ? <p class="chart blank">No bans in this time.</p> : null}
      {data === null || data.keys.length === 0 ? null : <Chart series={data} span={hours} isDark={theme.isDark} />}
    </Card>
  );
}

function TopCards() {
  const { data } = useView('top', {}, '', 60);
  const { networks = [], addresses = [] } = data ?? {};
  return (
    <Card title="Top networks and addresses">
      {networks.length + addresses.length === 0 ? (
        <Empty>No network has more than one banned address, and no address is held twice.</Empty>
      ) : null}
      {networks.length === 0 ? null : <h3>Networks</h3>}
      <ol class="bars">
        {networks.slice(0, 6).map(({ network, bans }) => (
          <BarRow key={network} value={bans} max={networks[0]?.bans ?? 1} unit="addresses">
            <a class="address" href={`#/bans/${encodeURIComponent(network)}`}>
              {network}
            </a>
          </BarRow>
        ))}
      </ol>
      {addresses.length === 0 ? null : <h3>Addresses</h3>}
      <ol class="bars">
        {addresses.slice(0, 6).map(({ address, holders }) => (
          <BarRow key={address} value={holders} max={addresses[0]?.holders ?? 1} unit="bans">
            <Address address={address} />
          </BarRow>
        ))}
      </ol>
    </Card>
  );
}

interface BarRowProps {
  readonly value: number;
  readonly max: number;
  readonly unit: string;
  readonly children: ComponentChildren;
}

function BarRow({ value, max, unit, children }: BarRowProps) {
  return (
    <li>
      <span class="label">{children}</span>
      <span class="bar" aria-hidden="true">
        <span style={{ width: `${(100 * value) / Math.max(1, max)}%` }} />
      </span>
      <span class="value">
        {count(value)} <span class="hint">{unit}</span>
      </span>
    </li>
  );
}

function Shares({ title, filter, shares }: { title: string; filter: 'jail' | 'host'; shares: Summary['jails'] }) {
  return (
    <Card title={title}>
      {shares.length === 0 ? <Empty>Nobody is banned.</Empty> : null}
      <ol class="bars">
        {shares.slice(0, 10).map(({ key, name, bans }) => (
          <BarRow key={key} value={bans} max={shares[0]?.bans ?? 1} unit="banned">
            <a href={`#/bans/${encodeURIComponent(`${filter}:${key}`)}`}>
              <Name text={name} />
            </a>
          </BarRow>
        ))}
      </ol>
    </Card>
  );
}
