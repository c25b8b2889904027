/** The line on which events come: a WebSocket or an event stream, opened again when it breaks. */
import type { LiveEvent, Session } from '../shared/view.ts';

export type LineState = 'opening' | 'open' | 'broken';

interface Line {
  close(): void;
}

const pauses_ms = [500, 1_000, 2_000, 5_000, 10_000, 30_000] as const;
const ping_ms = 30_000;
/** The server says that the session is over. */
const loggedOut = 4005;

export interface Listener {
  readonly event: (event: LiveEvent) => void;
  readonly state: (state: LineState) => void;
  readonly over: () => void;
}

/** Listens until the function that it returns is called. */
export function listen({ live }: Session, listener: Listener): () => void {
  let line: Line | null = null;
  let timer = 0;
  let failures = 0;
  const open = () => {
    listener.state(failures === 0 ? 'opening' : 'broken');
    line = (live === 'websocket' ? openSocket : openStream)({
      ...listener,
      state: (state) => {
        listener.state(state);
        if (state === 'open') failures = 0;
        else timer = window.setTimeout(open, pauses_ms[Math.min(failures++, pauses_ms.length - 1)]);
      },
    });
  };
  open();
  return () => {
    window.clearTimeout(timer);
    line?.close();
  };
}

const path = '/v1/view/live';

function openSocket({ event, state, over }: Listener): Line {
  const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${path}`);
  const pinging = window.setInterval(() => socket.readyState === WebSocket.OPEN && socket.send('ping'), ping_ms);
  let isClosed = false;
  socket.onopen = () => state('open');
  socket.onmessage = ({ data }) => {
    const told = readEvent(data);
    if (told !== null) event(told);
  };
  socket.onclose = ({ code }) => {
    window.clearInterval(pinging);
    if (isClosed) return;
    if (code === loggedOut) over();
    else state('broken');
  };
  return {
    close: () => {
      isClosed = true;
      socket.close();
    },
  };
}

function openStream({ event, state }: Listener): Line {
  const source = new EventSource(path);
  source.onopen = () => state('open');
  source.onmessage = ({ data }) => {
    const told = readEvent(data);
    if (told !== null) event(told);
  };
  source.onerror = () => {
    source.close();
    state('broken');
  };
  return source;
}

function readEvent(data: unknown): LiveEvent | null {
  if (typeof data !== 'string' || data === 'pong') return null;
  const event: LiveEvent = JSON.parse(data);
  return event;
}
