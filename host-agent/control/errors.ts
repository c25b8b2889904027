/** Errors as fail2ban's server answers them: its client prints their arguments after `NOK: `. */
import type { ErrorCode } from '../../shared/errors.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { AgentControl, JailControl } from './agent-control.ts';
import type { PythonException } from './framing.ts';

interface CommandErrorDetails {
  readonly args?: readonly (string | number)[];
  readonly exception?: PythonException;
  readonly file?: string;
}

/** An error that carries the arguments of the exception that fail2ban would have sent; `message` is what its client prints for it. */
export class CommandError extends EdgebanError {
  readonly args: readonly (string | number)[];
  readonly exception: PythonException;

  constructor(
    code: ErrorCode,
    message: string,
    { args = [message], exception = 'Exception', file }: CommandErrorDetails = {},
  ) {
    super(code, message, file === undefined ? {} : { file });
    this.args = args;
    this.exception = exception;
  }
}

/** The jail of this name. Throws ERR_JAIL_UNKNOWN. */
export function jailOf(agent: AgentControl, name: string): JailControl {
  const jail = agent.jail(name);
  if (jail === null) throw unknownJail(name);
  return jail;
}

export function unknownJail(name: string): CommandError {
  const message = `Sorry but the jail '${name}' does not exist`;
  return new CommandError('ERR_JAIL_UNKNOWN', message, { args: [name], exception: 'UnknownJailException' });
}

export function jailExists(name: string): CommandError {
  const message = `The jail '${name}' already exists`;
  return new CommandError('ERR_JAIL_EXISTS', message, { args: [name], exception: 'DuplicateJailException' });
}

export function invalidCommand(detail = ''): CommandError {
  return new CommandError('ERR_COMMAND_INVALID', `Invalid command${detail}`);
}

/** fail2ban's server answers a missing word with Python's IndexError. */
export function missingWord(): CommandError {
  const message = 'Sorry but the command is invalid';
  return new CommandError('ERR_COMMAND_INCOMPLETE', message, {
    args: ['list index out of range'],
    exception: 'IndexError',
  });
}

/** A value that fail2ban answers with a ValueError. */
export function invalidValue(message: string): CommandError {
  return new CommandError('ERR_COMMAND_INVALID', message, { exception: 'ValueError' });
}
