/** What an action of a jail says in the log: fail2ban's words where it has some. */
import { pythonRepr } from '../../shared/config/python-text.ts';
import type { EdgebanError } from '../../shared/errors.ts';
import type { Ban } from '../../shared/ticket.ts';
import type { Trouble, Voice } from './ticket-action.ts';

const doing = { ban: 'banning', reban: 'banning', unban: 'unbanning', prolong: 'prolonging' } as const;

export class TicketLog implements Voice {
  readonly #jail: string;
  readonly #action: string;
  readonly #voice: Voice;

  constructor(jail: string, action: string, voice: Voice) {
    this.#jail = jail;
    this.#action = action;
    this.#voice = voice;
  }

  error(text: string): void {
    this.#voice.error(`[${this.#jail}] ${this.#action}: ${text}`);
  }

  notice(text: string): void {
    this.#voice.notice(`[${this.#jail}] ${text}`);
  }

  info(text: string): void {
    this.#voice.info(`[${this.#jail}] ${this.#action}: ${text}`);
  }

  didNot(what: 'start' | 'stop', { error }: Trouble): void {
    this.#voice.error(`Failed to ${what} jail '${this.#jail}' action '${this.#action}': ${inWords(error)}`);
  }

  /** A visitor may have chosen the id. */
  failed(what: keyof typeof doing, ban: Ban, trouble: Trouble): void {
    const whom = ban.ip ?? ban.id;
    const info = `ActionInfo(${pythonRepr({ ip: whom, fid: ban.id })})`;
    const place = `jail '${this.#jail}' action '${this.#action}' info '${info}'`;
    const verb = what === 'prolong' ? 'ban' : what;
    const isFinal = what === 'prolong' || trouble.error.code === 'ERR_ADDRESS_INVALID';
    const then = isFinal ? '' : '; it is tried again';
    this.#voice.error(
      `Failed to execute ${verb} ${place}: Error ${doing[what]} ${whom}: ${inWords(trouble.error)}${then}`,
    );
  }

  rebans(ban: Ban): void {
    this.notice(`Reban ${ban.id}, action '${this.#action}'`);
  }

  /** Whoever took them away by hand should hear how it is done. */
  misses(count: number): void {
    this.error(`${count} ban(s) are not there any more: made anew (to lift one: edgeban-client unban ADDRESS)`);
  }

  flushes(): void {
    this.notice(`Flush ticket(s) with ${this.#action}`);
  }

  mended(): void {
    this.notice(`action ${this.#action} works again`);
  }
}

function inWords(error: EdgebanError): string {
  return `${error.message} (${error.code})`;
}
