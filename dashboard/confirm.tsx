/** What is to be confirmed: a dialog that says what will happen, does it, and says what failed. */
import type { TargetedSubmitEvent } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Session } from '../shared/view.ts';
import { act } from './api.ts';
import { type Ask, useDesk } from './desk.ts';
import { bantime, messageOf, plain } from './words.ts';

/** What stands in a dialog; `run` takes its fields. */
interface Plan {
  readonly title: string;
  readonly text: string;
  readonly button: string;
  readonly isGrave: boolean;
  readonly fields: readonly Field[];
  readonly done: (values: Values) => string;
  readonly run: (session: Session, values: Values) => Promise<void>;
}

interface Field {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly value?: string;
  readonly options?: readonly string[];
  /** Why it cannot be taken; '': it can. */
  readonly check?: (value: string) => string;
}

type Values = Readonly<Record<string, string>>;

interface ConfirmProps {
  readonly ask: Ask;
  readonly onDone: (what: string) => void;
  readonly onCancel: () => void;
}

export function Confirm({ ask, onDone, onCancel }: ConfirmProps) {
  const { session } = useDesk();
  const plan = planOf(ask, session);
  const dialog = useRef<HTMLDialogElement>(null);
  const [fault, setFault] = useState('');
  const [isBusy, setBusy] = useState(false);
  useLayoutEffect(() => {
    dialog.current?.showModal();
    return () => dialog.current?.close();
  }, []);
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const values = valuesOf(event.currentTarget);
    const wrong = plan.fields.map(({ name, check }) => check?.(values[name] ?? '') ?? '').find((text) => text !== '');
    setFault(wrong ?? '');
    if (wrong !== undefined) return;
    setBusy(true);
    try {
      await plan.run(session, values);
      onDone(plan.done(values));
    } catch (error) {
      setFault(messageOf(error));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="ask-title" aria-describedby="ask-text" onClose={onCancel}>
      <form onSubmit={submit} aria-busy={isBusy}>
        <h2 id="ask-title">{plan.title}</h2>
        <p id="ask-text">{plan.text}</p>
        {plan.fields.map((field) => (
          <FieldRow key={field.name} field={field} />
        ))}
        {fault === '' ? null : (
          <p class="banner bad" role="alert">
            {plain(fault)}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
          <button type="submit" class={plan.isGrave ? 'grave' : 'primary'} disabled={isBusy}>
            {plan.button}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function FieldRow({ field: { name, label, hint, value = '', options } }: { field: Field }) {
  const id = `ask-${name}`;
  return (
    <>
      <label for={id}>
        {label} {hint === undefined ? null : <span class="hint">{hint}</span>}
      </label>
      {options === undefined ? (
        <input id={id} name={name} defaultValue={value} autoComplete="off" spellcheck={false} maxLength={200} />
      ) : (
        <select id={id} name={name}>
          {options.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </select>
      )}
    </>
  );
}

function valuesOf(form: HTMLFormElement): Values {
  const entries = [...new FormData(form)].map(([name, value]) => [name, typeof value === 'string' ? value.trim() : '']);
  return Object.fromEntries(entries);
}

function planOf(ask: Ask, session: Session): Plan {
  const where = session.serves === 'fleet' ? 'on all hosts and at the edge' : 'on this host';
  switch (ask.kind) {
    case 'unban':
      return {
        title: `Unban ${ask.address}?`,
        button: 'Unban',
        isGrave: false,
        fields: [],
        text: `Every ban of it is lifted ${where}. New failures count as ever.`,
        done: () => `${ask.address} is unbanned.`,
        run: () => act(session, 'DELETE', `/v1/bans/${encodeURIComponent(ask.address)}`),
      };
    case 'disallow':
      return {
        title: `Take ${ask.address} off the allow list?`,
        button: 'Take off',
        isGrave: false,
        fields: [],
        text: 'It may be banned again from now on.',
        done: () => `${ask.address} is no longer on the allow list.`,
        run: () => act(session, 'DELETE', `/v1/allow/${encodeURIComponent(ask.address)}`),
      };
    case 'ban':
      return banPlan(ask.address, session, where);
    case 'allow':
      return allowPlan(ask.address, where);
    default:
      return switchPlan(ask.kind);
  }
}

const needed = (value: string) => (value === '' ? 'Say which address or network.' : '');

function addressField(address: string): Field {
  return { name: 'address', label: 'Address or network', value: address, check: needed };
}

function banPlan(address: string, session: Session, where: string): Plan {
  const jails = session.jails ?? [];
  const check = (value: string) => (bantime(value) === null ? 'Not a length of time such as 1h, 1d, 4w or -1.' : '');
  return {
    title: address === '' ? 'Ban an address' : `Ban ${address}?`,
    button: 'Ban',
    isGrave: true,
    text: `It is refused ${where}. Addresses that guards protect cannot be banned.`,
    fields: [
      addressField(address),
      { name: 'bantime', label: 'For', hint: 'such as 10m, 1d, 4w; -1: for ever', value: '1d', check },
      ...(jails.length === 0 ? [] : [{ name: 'jail', label: 'Jail', options: jails }]),
    ],
    done: (values) => `${values['address']} is banned.`,
    run: (by, { address: given, bantime: time = '', jail }) =>
      act(by, 'POST', '/v1/bans', {
        address: given,
        bantime: bantime(time),
        ...(jail === undefined ? {} : { jail }),
      }),
  };
}

function allowPlan(address: string, where: string): Plan {
  return {
    title: address === '' ? 'Allow an address' : `Allow ${address}?`,
    button: 'Allow',
    isGrave: false,
    text: `It is never banned from now on; bans of it are lifted ${where}.`,
    fields: [addressField(address), { name: 'note', label: 'Note', hint: 'why, or whose it is' }],
    done: (values) => `${values['address']} is on the allow list.`,
    run: (session, values) => act(session, 'POST', '/v1/allow', { address: values['address'], note: values['note'] }),
  };
}

const panicWord = 'panic';

function switchPlan(kind: 'panic' | 'resume' | 'brake' | 'release'): Plan {
  const check = (value: string) => (value.toLowerCase() === panicWord ? '' : `Type the word ${panicWord}.`);
  const none = { fields: [], isGrave: false };
  switch (kind) {
    case 'panic':
      return {
        title: 'Lift all enforcement at the edge?',
        button: 'Lift everything',
        isGrave: true,
        text: 'Everybody who is banned reaches your sites again until you resume. The ledger and the hosts keep all bans.',
        fields: [
          { name: 'reason', label: 'Reason', hint: 'for the record' },
          { name: 'word', label: `Type ${panicWord} to confirm`, check },
        ],
        done: () => 'All enforcement at the edge is lifted.',
        run: (session, { reason = '' }) => act(session, 'POST', '/v1/panic', { reason }),
      };
    case 'resume':
      return {
        ...none,
        title: 'Resume enforcement?',
        button: 'Resume',
        done: () => 'Bans are enforced again.',
        text: 'What was enforced before the panic is enforced again.',
        run: (session) => act(session, 'POST', '/v1/resume'),
      };
    case 'brake':
      return {
        ...none,
        title: 'Pull the brake?',
        button: 'Pull',
        done: () => 'The brake is pulled.',
        text: 'Blocks at the edge become challenges until it is released.',
        run: (session) => act(session, 'POST', '/v1/brake'),
      };
    case 'release':
      return {
        ...none,
        title: 'Release the brake?',
        button: 'Release',
        done: () => 'The brake is released.',
        text: 'Challenges are blocks again; the ledger does not brake by itself for an hour.',
        run: (session) => act(session, 'DELETE', '/v1/brake'),
      };
  }
}
