/** The dashboard's frame: navigation, live events, dialogs; and the view that the address bar names. */
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { LiveEvent, Session } from '../shared/view.ts';
import { act, Intercepted, Refused } from './api.ts';
import { BansView } from './bans.tsx';
import { Confirm } from './confirm.tsx';
import { type Ask, type Desk, DeskContext } from './desk.ts';
import { EdgeView } from './edge.tsx';
import { HostsView } from './hosts.tsx';
import { type LineState, listen } from './live.ts';
import { Mark, ThemeButton } from './marks.tsx';
import { Overview } from './overview.tsx';
import { AllowView, RecordView } from './record.tsx';
import { StoryView } from './story.tsx';
import type { Theme } from './theme.ts';
import { messageOf, plain } from './words.ts';

const events_kept_max = 100;
/** A burst of events is one reason to read again, and a stream of them is one every few seconds. */
const settle_ms = 500;
const refresh_ms = 5_000;
const notice_ms = 8_000;

export interface BoardProps {
  readonly session: Session;
  readonly theme: Theme;
  readonly leave: (why: string) => void;
}

export function Board({ session, theme, leave }: BoardProps) {
  const now = useClock();
  const over = useCallback(() => leave('The session is over. Log in again.'), []);
  const { events, line, changes, change } = useEvents(session, over);
  const { asked, ask, answer } = useAsk();
  const [own, setOwn] = useState(0);
  const [notice, setNotice] = useState('');
  useEffect(() => {
    const timer = window.setTimeout(() => setNotice(''), notice_ms);
    return () => window.clearTimeout(timer);
  }, [notice]);
  const [isShut, setShut] = useState(false);
  const fail = useCallback((error: unknown): string | null => {
    if (error instanceof Intercepted) setShut(true);
    else if (error instanceof Refused && error.isLoggedOut) over();
    else return messageOf(error);
    return null;
  }, []);
  const desk: Desk = { session, now, changes, done: own, events, line, ask, fail };
  const logOut = () =>
    act(session, 'DELETE', '/v1/session').then(
      () => leave('You are logged out.'),
      () => over(),
    );
  const done = (what: string) => {
    answer(asked);
    setNotice(what);
    setOwn((count) => count + 1);
    change(true);
  };
  return (
    <DeskContext.Provider value={desk}>
      <button type="button" class="skip" onClick={skip}>
        Skip to the content
      </button>
      {isShut ? <Shut /> : null}
      <Frame theme={theme} logOut={logOut} />
      <div class="notice" role="status">
        {notice === '' ? null : <p>{plain(notice)}</p>}
      </div>
      {asked === null ? null : (
        <Confirm key={asked.turn} ask={asked.what} onDone={done} onCancel={() => answer(asked)} />
      )}
    </DeskContext.Provider>
  );
}

interface Asked {
  readonly what: Ask;
  readonly turn: number;
}

/** Each question is one of its own: a dialog tells late that it was closed, and may then not close the next one. */
function useAsk() {
  const [asked, setAsked] = useState<Asked | null>(null);
  const turns = useRef(0);
  const ask = useCallback((what: Ask) => setAsked({ what, turn: ++turns.current }), []);
  const answer = useCallback((one: Asked | null) => setAsked((now) => (now === one ? null : now)), []);
  return { asked, ask, answer };
}

function Shut() {
  return (
    <p class="banner bad shut" role="alert">
      <span>Cloudflare Access, or whoever else stands before this page, asks for a login. What is shown is old.</span>
      <button type="button" onClick={() => location.reload()}>
        Log in again
      </button>
    </p>
  );
}

function skip(): void {
  document.querySelector<HTMLElement>('main h1')?.focus();
}

function useClock(): number {
  const [now, setNow] = useState(Date.now() / 1000);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now() / 1000), 1000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}

function useEvents(session: Session, over: () => void) {
  const [events, setEvents] = useState<readonly LiveEvent[]>([]);
  const [line, setLine] = useState<LineState>('opening');
  const [changes, setChanges] = useState(0);
  const timer = useRef(0);
  const last = useRef(0);
  const change = useCallback((isOwn = false) => {
    if (timer.current !== 0 && !isOwn) return;
    window.clearTimeout(timer.current);
    const wait = isOwn ? settle_ms : Math.max(settle_ms, last.current + refresh_ms - Date.now());
    timer.current = window.setTimeout(() => {
      timer.current = 0;
      last.current = Date.now();
      setChanges((count) => count + 1);
    }, wait);
  }, []);
  useEffect(
    () =>
      listen(session, {
        event: (event) => {
          if (event.kind === 'here') return;
          setEvents((known) => [event, ...known].slice(0, events_kept_max));
          change();
        },
        state: (state) => {
          setLine(state);
          // what came meanwhile has been missed; a line that is refused may mean that the session is over
          if (state !== 'opening') change();
        },
        over,
      }),
    [session.csrf],
  );
  return { events, line, changes, change };
}

const views = [
  ['', 'Overview'],
  ['bans', 'Bans'],
  ['hosts', 'Hosts'],
  ['edge', 'Enforcement'],
  ['allow', 'Allow list'],
  ['record', 'Record'],
] as const;

function Frame({ theme, logOut }: { theme: Theme; logOut: () => void }) {
  const route = useRoute();
  return (
    <DeskContext.Consumer>
      {(desk) =>
        desk === null ? null : (
          <div class="frame">
            <Side desk={desk} current={route[0] ?? ''} theme={theme} logOut={logOut} />
            <main id="content">
              <Route route={route} theme={theme} />
            </main>
          </div>
        )
      }
    </DeskContext.Consumer>
  );
}

interface SideProps {
  readonly desk: Desk;
  readonly current: string;
  readonly theme: Theme;
  readonly logOut: () => void;
}

const lineWords: Record<LineState, string> = { opening: 'Connecting', open: 'Live', broken: 'Reconnecting' };

function Side({ desk: { session, line }, current, theme, logOut }: SideProps) {
  useEffect(() => {
    // a narrow screen shows a part of them
    document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [current]);
  // a single host has neither other hosts nor an edge
  const shown = views.filter(([key]) => session.serves === 'fleet' || !['hosts', 'edge', 'allow'].includes(key));
  return (
    <header class="side">
      <a class="brand" href="#/">
        <Mark /> edgeban
        <span class="where" title={plain(session.name, 80)}>
          {plain(session.name, 80)}
        </span>
      </a>
      <nav aria-label="Views">
        {shown.map(([key, text]) => (
          <a
            key={key}
            href={`#/${key}`}
            aria-current={key === (current === 'address' ? 'bans' : current) ? 'page' : undefined}
          >
            {text}
          </a>
        ))}
      </nav>
      <div class="foot">
        <span class={`line ${line}`}>{lineWords[line]}</span>
        <ThemeButton theme={theme} />
        <span class="who">{plain(session.who, 60)}</span>
        <button type="button" class="quiet" onClick={logOut}>
          Log out
        </button>
        <span class="version">edgeban {session.version}</span>
      </div>
    </header>
  );
}

/** The parts of the address behind the `#`, decoded. */
function useRoute(): readonly string[] {
  const [hash, setHash] = useState(location.hash);
  const isFirst = useRef(true);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);
  const route = useMemo(() => hash.replace(/^#?\//, '').split('/').map(decoded), [hash]);
  // before it is painted: later it would take the focus from who has gone on already
  useLayoutEffect(() => {
    const heading = document.querySelector<HTMLElement>('main h1');
    document.title = `${heading?.textContent ?? ''} · edgeban`;
    // who reads with ears hears where this has led
    if (!isFirst.current) heading?.focus();
    isFirst.current = false;
    window.scrollTo(0, 0);
  }, [hash]);
  return route;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

function Route({ route: [view = '', detail = ''], theme }: { route: readonly string[]; theme: Theme }) {
  switch (view) {
    case 'bans':
      return <BansView key={detail} search={detail} />;
    case 'address':
      return <StoryView address={detail} />;
    case 'hosts':
      return <HostsView />;
    case 'edge':
      return <EdgeView />;
    case 'allow':
      return <AllowView />;
    case 'record':
      return <RecordView />;
    default:
      return <Overview theme={theme} />;
  }
}
