/** The form that takes the operator's token. */

import type { TargetedSubmitEvent } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Session } from '../shared/view.ts';
import { logIn } from './api.ts';
import { Mark, ThemeButton } from './marks.tsx';
import type { Theme } from './theme.ts';
import { messageOf } from './words.ts';

export function Login({ note, theme, onLogin }: { note: string; theme: Theme; onLogin: (session: Session) => void }) {
  const [fault, setFault] = useState('');
  const [isBusy, setBusy] = useState(false);
  const token = useRef<HTMLInputElement>(null);
  const name = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    document.title = 'Log in · edgeban';
    token.current?.focus();
  }, []);
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    setFault('');
    try {
      onLogin(await logIn(token.current?.value.trim() ?? '', name.current?.value.trim() ?? ''));
    } catch (error) {
      setFault(messageOf(error));
      setBusy(false);
      token.current?.select();
    }
  };
  return (
    <main class="login">
      <form onSubmit={submit} aria-busy={isBusy}>
        <h1>
          <Mark /> edgeban
        </h1>
        {note === '' ? null : <p role="status">{note}</p>}
        <label for="token">Operator token</label>
        <input ref={token} id="token" type="password" autoComplete="current-password" required spellcheck={false} />
        <label for="name">
          Your name <span class="hint">for the record, optional</span>
        </label>
        <input ref={name} id="name" autoComplete="nickname" maxLength={40} />
        {fault === '' ? null : (
          <p class="banner bad" role="alert">
            {fault}
          </p>
        )}
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? 'Logging in …' : 'Log in'}
        </button>
        <p class="hint">
          The token is in <code>operator.json</code> on the machine that has set up the edge.
        </p>
      </form>
      <ThemeButton theme={theme} />
    </main>
  );
}
