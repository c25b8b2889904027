/** Mail through a local Exim or Postfix out of the service's sandbox: it would fail without a word to anybody. */
import { readFileSync, statSync } from 'node:fs';
import { type Finding, mildFinding } from '../../shared/config/finding.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { JailPlan } from '../agent/plan.ts';

const sendmail = '/usr/sbin/sendmail';
/** Debian's Exim is the one itself, Postfix hands its mail to the other: both become somebody else for it. */
const programs = [sendmail, '/usr/sbin/postdrop'];
const becomes_other = 0o6000;

/** What is asked of the machine. */
export interface MailWorld {
  /** The text of /proc/self/status. */
  status(): string;
  /** A file's mode; null if there is none. */
  modeOf(path: string): number | null;
}

const thisMachine: MailWorld = {
  status: () => readFileSync('/proc/self/status', 'utf8'),
  modeOf: (path) => statSync(path, { throwIfNoEntry: false })?.mode ?? null,
};

/** A warning for each of these jails that mails, where this process may not become who the mail program has to be. */
export function mailFindings(jails: readonly JailPlan[], world = thisMachine): Finding[] {
  const mailing = jails.filter(({ actions }) => actions.some(mails));
  if (mailing.length === 0 || !/^NoNewPrivs:\s+1$/m.test(world.status())) return [];
  if (programs.every((path) => ((world.modeOf(path) ?? 0) & becomes_other) === 0)) return [];
  return mailing.map(({ name }) => mildFinding('warning', cannotMail(), name));
}

function mails({ commands, parameters }: JailPlan['actions'][number]): boolean {
  return [...Object.values(commands), ...Object.values(parameters)].some((text) => text?.includes(sendmail) === true);
}

function cannotMail(): EdgebanError {
  const file = '/etc/systemd/system/edgeban.service.d/mail.conf';
  const remedy = `install -D /usr/share/doc/edgeban/examples/mail.conf ${file} && systemctl daemon-reload && systemctl restart edgeban`;
  return new EdgebanError(
    'ERR_ACTION_SANDBOX',
    'no mail will be sent: the service has not the rights that this needs',
    {
      remedy,
    },
  );
}
