/** The newest bans, unbans and acts, as they come. */
import type { LiveEvent } from '../shared/view.ts';
import { useDesk } from './desk.ts';
import { Address, Badge, Card, Empty, Name } from './parts.tsx';
import { actText } from './record.tsx';
import { clock, many } from './words.ts';

const shown_max = 12;

export function Events() {
  const { events, line } = useDesk();
  return (
    <Card title="Live" aside={<span class={`line ${line}`}>{line === 'open' ? 'Live' : 'Not connected'}</span>}>
      <div role="log" aria-live="polite" aria-label="Events as they come">
        {events.length === 0 ? <Empty>Nothing has happened since this page was opened.</Empty> : null}
        <ul class="events">
          {events.slice(0, shown_max).map((event, index) => (
            <li key={`${events.length - index} ${timeOf(event)}`}>
              <time>{clock(timeOf(event))}</time> <Told event={event} />
            </li>
          ))}
        </ul>
      </div>
    </Card>
  );
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
      <Name text={jail} /> · <Name text={host} />
    </span>
  );
}
