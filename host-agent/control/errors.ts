/** Errors as fail2ban's server answers them: its client prints their arguments after `NOK: `. */
import type { ErrorCode } from '../../shared/errors.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { AgentControl, JailControl } from './agent-control.ts';

/** An error that carries the arguments of the exception that fail2ban would have sent; `message` is what its client prints for it. */
export class CommandError extends EdgebanError {
  readonly args: readonly string[];

  constructor(code: ErrorCode, message: string, args: readonly string[] = [message]) {
    super(code, message);
    this.args = args;
  }
}

/** The jail of this name. Throws ERR_JAIL_UNKNOWN. */
export function jailOf(agent: AgentControl, name: string): JailControl {
  const jail = agent.jail(name);
  if (jail === null) throw unknownJail(name);
  return jail;
}

export function unknownJail(name: string): CommandError {
  return new CommandError('ERR_JAIL_UNKNOWN', `Sorry but the jail '${name}' does not exist`, [name]);
}

export function invalidCommand(detail = ''): CommandError {
  return new CommandError('ERR_COMMAND_INVALID', `Invalid command${detail}`);
}

/** fail2ban's server answers a missing word with Python's IndexError. */
export function missingWord(): CommandError {
  return new CommandError('ERR_COMMAND_INCOMPLETE', 'Sorry but the command is invalid', ['list index out of range']);
}
