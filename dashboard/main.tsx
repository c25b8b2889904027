/** The page: a login, and behind it the dashboard. */

import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Session } from '../shared/view.ts';
import { findSession } from './api.ts';
import { Board } from './board.tsx';
import { Login } from './login.tsx';
import { useTheme } from './theme.ts';
import { messageOf } from './words.ts';

function Page() {
  const [session, setSession] = useState<Session | null | undefined>(undefined);
  const [fault, setFault] = useState('');
  const [note, setNote] = useState('');
  const theme = useTheme();
  useEffect(() => {
    findSession().then(setSession, (error: unknown) => setFault(messageOf(error)));
  }, []);
  if (fault !== '') return <p class="banner bad">The server does not answer: {fault}</p>;
  if (session === undefined)
    return (
      <p class="waiting" role="status">
        Loading …
      </p>
    );
  const leave = (why: string) => {
    setNote(why);
    setSession(null);
  };
  if (session === null) return <Login note={note} theme={theme} onLogin={setSession} />;
  return <Board session={session} theme={theme} leave={leave} />;
}

const app = document.getElementById('app');
if (app !== null) render(<Page />, app);
