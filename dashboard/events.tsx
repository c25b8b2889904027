/** The newest bans, unbans and acts, as they come. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { BanRow, LiveEvent } from '../shared/view.ts';
import { useDesk, useView } from './desk.ts';
import { Address, Ago, Badge, Card, Empty, Name } from './parts.tsx';
import { actText } from './record.tsx';
import { clock, date, many, plain } from './words.ts';

const shown_max = 12;
/** Who listens hears of what has come once in so long, however much it is. */
const heard_ms = 10_000;

export function Events() {
  const { events, line } = useDesk();
  const { data } = useView('bans', { limit: shown_max, sort: 'newest' }, '', 300);
  const before = (data?.rows ?? []).filter((row) => !isTold(row, events)).map(asEvent);
  const shown = [...events, ...before].slice(0, shown_max);
  return (
    <Card title="Live" aside={<span class={`line ${line}`}>{line === 'open' ? 'Live' : 'Not connected'}</span>}>
      <p class="unseen" role="status">
        {useHeard(events)}
      </p>
      <div role="log" aria-live="off" aria-label="Events as they come">
        {shown.length === 0 && data !== null ? <Empty>Nobody is banned, and nothing has happened.</Empty> : null}
        <ul class="events">
          {shown.map((event, index) => (
            <li key={`${events.length - index} ${timeOf(event)}`}>
              <Moment at={timeOf(event)} /> <Told event={event} />
            </li>
          ))}
        </ul>
      </div>
    </Card>
  );
}

/** What a screen reader says of the events: the newest one, and how many others there were since it spoke last. */
function useHeard(events: readonly LiveEvent[]): string {
  const [text, setText] = useState('');
  const heard = useRef({ all: events, newest: events[0], at: Number.NEGATIVE_INFINITY, timer: 0 });
  const { current } = heard;
  current.all = events;
  useEffect(() => {
    if (events[0] === current.newest || current.timer !== 0) return;
    const speak = () => {
      const known = current.newest === undefined ? -1 : current.all.indexOf(current.newest);
      setText(heardOf(known < 0 ? current.all : current.all.slice(0, known)));
      heard.current = { all: current.all, newest: current.all[0], at: Date.now(), timer: 0 };
    };
    current.timer = window.setTimeout(speak, Math.max(0, current.at + heard_ms - Date.now()));
  }, [events]);
  useEffect(() => () => window.clearTimeout(heard.current.timer), []);
  return text;
}

function heardOf([newest, ...others]: readonly LiveEvent[]): string {
  if (newest === undefined || newest.kind === 'here') return '';
  const rest = others.length === 0 ? '' : `, and ${many(others.length, 'event')} before it`;
  if (newest.kind === 'act') return `${actText(newest.act)}${rest}`;
  if (newest.kind === 'more') return `${many(newest.changes, 'change')} at once${rest}`;
  return `${newest.kind} ${plain(newest.address, 49)}, ${plain(newest.jail, 64)}${rest}`;
}

/** Today by the clock, before that by how long ago. */
function Moment({ at }: { at: number }) {
  const { now } = useDesk();
  return now - at < 43_200 ? <time title={date(at)}>{clock(at)}</time> : <Ago at={at} />;
}

/** What was banned before the page was opened, as if it had been told. */
function asEvent({ address, at, until, jails, hosts }: BanRow): LiveEvent {
  return { kind: 'ban', at, address, until, jail: jails[0] ?? '', host: hosts?.[0] ?? '' };
}

function isTold({ address, at }: BanRow, events: readonly LiveEvent[]): boolean {
  return events.some((event) => event.kind === 'ban' && event.address === address && event.at === at);
}

function timeOf(event: LiveEvent): number {
  return event.kind === 'act' ? event.act.at : event.at;
}

function Told({ event }: { event: LiveEvent }) {
  switch (event.kind) {
    case 'ban':
      return (
        <>
          <Badge tone="bad">ban</Badge> <Address address={event.address} />{' '}
          <Where host={event.host} jail={event.jail} />
        </>
      );
    case 'unban':
      return (
        <>
          <Badge tone="good">unban</Badge> <Address address={event.address} />{' '}
          <Where host={event.host} jail={event.jail} />
        </>
      );
    case 'act':
      return (
        <>
          <Badge tone="calm">act</Badge> <span>{actText(event.act)}</span>
        </>
      );
    case 'more':
      return (
        <>
          <Badge tone="plain">more</Badge> <span>{many(event.changes, 'change')} at once</span>
        </>
      );
    case 'here':
      return null;
  }
}

function Where({ host, jail }: { host: string; jail: string }) {
  return (
    <span class="hint">
      <Name text={jail} />
      {host === '' ? null : (
        <>
          {' · '}
          <Name text={host} />
        </>
      )}
    </span>
  );
}
