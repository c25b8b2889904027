/** The story of an address: is it banned, by whom, where it stands at the edge, what was done to it. */
import type { AddressStory } from '../shared/view.ts';
import { useDesk, useView } from './desk.ts';
import { HostStory } from './host-story.tsx';
import { Address, Ago, Badge, Card, Empty, Left, Name, Table, Trouble } from './parts.tsx';
import { actText } from './record.tsx';
import { date, plain } from './words.ts';

export function StoryView({ address }: { address: string }) {
  const { events, done } = useDesk();
  // Cloudflare is asked for each of these, and may be asked only so often: what happens to others is no reason
  const about = events.filter((event) => 'address' in event && event.address === address).length;
  const { data, error } = useView('story', {}, `/${encodeURIComponent(address)}`, 300, about + done);
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1} class="address">
          {plain(address, 49)}
        </h1>
        {data === null ? null : <StoryButtons story={data} />}
      </div>
      <Trouble text={error} />
      {data === null && error === null ? <p role="status">Looking …</p> : null}
      {data === null ? null : <Story story={data} />}
    </>
  );
}

function isBanned({ held, host }: AddressStory): boolean {
  return held.some(({ state }) => state === 'held') || (host?.jails.some(({ ban }) => ban !== null) ?? false);
}

function StoryButtons({ story }: { story: AddressStory }) {
  const { ask, session } = useDesk();
  const { address } = story;
  return (
    <div class="buttons">
      {isBanned(story) ? (
        <button type="button" class="primary" onClick={() => ask({ kind: 'unban', address })}>
          Unban
        </button>
      ) : (
        <button type="button" class="grave" onClick={() => ask({ kind: 'ban', address })}>
          Ban …
        </button>
      )}
      {session.acts.includes('allow') ? (
        <button type="button" onClick={() => ask({ kind: 'allow', address })}>
          Allow …
        </button>
      ) : null}
    </div>
  );
}

function Story({ story }: { story: AddressStory }) {
  return (
    <>
      <Verdict story={story} />
      {story.host === null ? null : <HostStory story={story.host} />}
      {story.edge === null && story.edge_trouble === null ? (
        <ByHand acts={story.acts} />
      ) : (
        <div class="columns">
          <AtTheEdge story={story} />
          <ByHand acts={story.acts} />
        </div>
      )}
      <Card title="Bans, now and before">
        <Holders held={story.held} />
      </Card>
    </>
  );
}

function ByHand({ acts }: Pick<AddressStory, 'acts'>) {
  return (
    <Card title="Done by hand">
      {acts.length === 0 ? <Empty>Nobody has done anything to it by hand.</Empty> : null}
      <ul class="events">
        {acts.map((act) => (
          <li key={act.n}>
            <Ago at={act.at} /> <span>{actText(act)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Verdict({ story }: { story: AddressStory }) {
  const live = story.held.filter(({ state }) => state === 'held');
  if (isBanned(story))
    return (
      <p class="verdict bad">
        <Badge tone="bad">banned</Badge>
        {live.length === 0 ? ' on this host.' : ` by ${live.length === 1 ? 'one jail' : `${live.length} jails`}: `}
        {live.slice(0, 4).map(({ host, jail }, index) => (
          <span key={`${host} ${jail} ${index}`}>
            {index > 0 ? ', ' : ''}
            <Name text={jail} /> on <Name text={host} />
          </span>
        ))}
      </p>
    );
  const why =
    story.guard === null ? ' Nothing forbids a ban of it.' : ` It is never banned: ${plain(story.guard.message)}.`;
  return (
    <p class="verdict good">
      <Badge tone="good">not banned</Badge>
      {why}
    </p>
  );
}

const states = { held: 'bad', ended: 'plain', lifted: 'good' } as const;

function Holders({ held }: { held: AddressStory['held'] }) {
  if (held.length === 0) return <Empty>No host has banned it within the last days.</Empty>;
  return (
    <Table label="Bans of it" heads={['State', 'Address', 'Jail', 'Host', 'Banned', 'Ends']}>
      {held.map(({ address, host, jail, at, until, state }, index) => (
        <tr key={`${index} ${host} ${jail}`}>
          <td data-head="State">
            <Badge tone={states[state]}>{state}</Badge>
          </td>
          <td data-head="Address">
            <Address address={address} />
          </td>
          <td data-head="Jail">
            <Name text={jail} />
          </td>
          <td data-head="Host">
            <Name text={host} />
          </td>
          <td data-head="Banned">
            <Ago at={at} />
          </td>
          <td data-head="Ends">
            {state === 'held' ? <Left until={until} /> : until === null ? 'never' : <time>{date(until)}</time>}
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** Each place was asked when the story was. */
function AtTheEdge({ story: { edge, edge_trouble, now } }: { story: AddressStory }) {
  return (
    <Card title="At the edge" aside={<span class="hint">asked just now</span>}>
      <Trouble text={edge_trouble} />
      {edge === null ? null : (
        <dl class="facts">
          <dt>Ledger</dt>
          <dd>
            {edge.ledger === null ? 'nobody holds it' : <Doing action={edge.ledger.action} until={edge.ledger.until} />}
          </dd>
          <dt>KV snapshot</dt>
          <dd>
            {edge.kv === null ? (
              'there is none'
            ) : (
              <>
                {edge.kv.ban === null ? 'not in it' : <Doing action={edge.kv.ban.action} until={edge.kv.ban.until} />}
                <span class="hint">
                  {' '}
                  written {now - edge.kv.written_at < 5 ? 'just now' : <Ago at={edge.kv.written_at} />}
                </span>
              </>
            )}
          </dd>
          <dt>Cloudflare</dt>
          <dd>
            <AtCloudflare found={edge.cloudflare} />
          </dd>
        </dl>
      )}
    </Card>
  );
}

function Doing({ action, until }: { action: 'off' | 'challenge' | 'block'; until: number | null }) {
  return (
    <>
      <Badge tone={action === 'block' ? 'bad' : action === 'challenge' ? 'warn' : 'plain'}>{action}</Badge>{' '}
      <Left until={until} />
    </>
  );
}

const notAsked = (zones: number) => `${zones} more zone(s) not asked, one look has no calls for them`;

type AtCloudflareNow = NonNullable<AddressStory['edge']>['cloudflare'];

function AtCloudflare({ found: { asked, found, rules, unasked, error } }: { found: AtCloudflareNow }) {
  if (error !== null) return <span class="bad">{plain(error)}</span>;
  if (!asked) return <>not asked: nothing is enforced through its API</>;
  if (found.length === 0)
    return <>neither in a list nor in a rule{unasked === undefined ? '' : `; ${notAsked(unasked)}`}</>;
  return (
    <ul class="plain">
      {found.map(({ where, said }) => (
        <li key={where + said}>
          {plain(where)} <span class="hint">{plain(said)}</span>
        </li>
      ))}
      {rules.map(({ where, said, inForce }) => (
        <li key={where + said}>
          <Badge tone={inForce ? 'good' : 'bad'}>{inForce ? 'in force' : 'not in force'}</Badge> {plain(where)}{' '}
          <span class="hint">{plain(said)}</span>
        </li>
      ))}
      {unasked !== undefined && <li>{notAsked(unasked)}</li>}
    </ul>
  );
}
