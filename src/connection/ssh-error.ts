import type { SshAccess } from '../machine.ts';
import { ConnectionError } from './connection.ts';
import type { HostJudge } from './host-judge.ts';
import { PrivateKeyError } from './private-key-error.ts';

/** What is known about a try at opening that came to nothing. */
export interface Opening {
  readonly access: SshAccess;
  /** How it leads there: ` through "bastion:22"`, or nothing. */
  readonly by: string;
  readonly judge: HostJudge;
  /** The host key that the server showed, if it came that far. */
  readonly shown: Buffer | undefined;
  /** What was offered to log in, in words. */
  readonly refused: () => string;
  /** Nothing could be offered. */
  readonly hadNothing: () => boolean;
  /** What the library said first. */
  readonly cause: unknown;
}

const AGENT_HINT = 'Start the agent, and add a key to it with "ssh-add".';

/** Says why no connection was made, and whether another try is worth it. */
export function openingError({
  access,
  by,
  judge,
  shown,
  refused,
  hadNothing,
  cause,
}: Opening): ConnectionError {
  const where = `"${access.host}:${access.port}"${by}`;
  const level = (cause as { level?: unknown } | undefined)?.level;
  const none = /host key/.test(causeText(cause)) ? judge.noneOfThem : null;
  const why = shown === undefined ? none : judge.refuse(shown);
  if (why !== null) return new ConnectionError('host-key', `Cannot trust ${where}: ${why}`);
  const tooMany = /too many authentication failures/i.test(causeText(cause));
  if (level === 'client-authentication' || tooMany) {
    const more = tooMany ? ', and the server takes no more tries' : '';
    const message = `Cannot log in to ${where} as "${access.user}": ${refused()}${more}`;
    return hadNothing()
      ? new PrivateKeyError(`${message}\n${AGENT_HINT}`, { cause })
      : new ConnectionError('authentication', message, { cause });
  }
  const problem = level === 'handshake' ? 'failed' : 'unreachable';
  return new ConnectionError(problem, `Cannot connect to ${where}: ${causeText(cause)}`, { cause });
}

export function causeText(cause: unknown): string {
  if (cause === undefined || cause === null) return 'the connection was closed';
  if (cause instanceof AggregateError && cause.errors[0] !== undefined) return causeText(cause.errors[0]);
  return cause instanceof Error ? cause.message : JSON.stringify(cause);
}
