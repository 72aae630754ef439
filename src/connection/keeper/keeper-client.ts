import { existsSync } from 'node:fs';
import type { Access } from '../../machine.ts';
import { abortable } from '../abort.ts';
import type { Connection } from '../connection.ts';
import { AGENT_VARIABLE } from '../agent-variable.ts';
import type { OpenOptions } from '../open-options.ts';
import type { Line, LineOptions } from './line.ts';
import { keeperPlace } from './place.ts';

/** The keeper of a state directory, as a command sees it. */
export interface KeeperClient extends AsyncDisposable {
  /** True when there is a keeper, which is started if need be; false, after a warning, when there cannot be one. */
  reach(options: { readonly signal: AbortSignal }): Promise<boolean>;
  /** Borrows a connection from the keeper, once it was reached. */
  open(access: Access, options: OpenOptions, machine: string): Promise<Connection>;
  /** Tells a keeper, if there is one, that the machine ends or has to be reached anew. */
  discard(machine: string): void;
}

export interface KeeperClientOptions {
  readonly stateDirectory: string;
  /** Milliseconds for which connections are kept after their use; 0: not, and no keeper is started. */
  readonly keep: number;
  /** The keeper's program; default: that of this one. */
  readonly script?: string;
  /** Told once why connections cannot be kept. */
  readonly onWarning: (message: string) => void;
}

export function createKeeperClient({
  stateDirectory,
  keep,
  script: given,
  onWarning,
}: KeeperClientOptions): KeeperClient {
  const place = keeperPlace(stateDirectory);
  let reached: Promise<Line | undefined> | undefined;
  /** Without one of our own there may be that of another command. */
  let found: Promise<Line | undefined> | undefined;
  let isHopeless = keep === 0;

  async function connect(start: boolean): Promise<Line | undefined> {
    const [{ findKeeper, reachKeeper }, { keeperIdentity }, { keeperScript }] = await Promise.all([
      import('./line.ts'),
      import('./identity.ts'),
      import('./keeper-process.ts'),
    ]);
    const script = given ?? keeperScript();
    const options: LineOptions = {
      place,
      hello: { identity: keeperIdentity(script), keep },
      onGone: () => (reached = undefined),
    };
    return await (start ? reachKeeper(options, { stateDirectory, script }) : findKeeper(options));
  }

  async function reach(): Promise<Line | undefined> {
    try {
      return await connect(true);
    } catch (error) {
      if (!isHopeless) {
        isHopeless = true;
        const why = error instanceof Error ? error.message : String(error);
        onWarning(`Cannot keep connections: ${why}`);
      }
      return undefined;
    }
  }

  return {
    async reach({ signal }) {
      if (isHopeless) return false;
      return (await abortable((reached ??= reach()), signal)) !== undefined;
    },
    async open(access, options, machine) {
      const [line, { openKept }] = await Promise.all([(reached ??= reach()), import('./kept-connection.ts')]);
      if (line !== undefined) return await openKept(line, { access: withAgent(access), machine }, options);
      const { ConnectionError } = await import('../connection.ts');
      throw new ConnectionError('lost', 'Cannot connect: the process that keeps connections is gone');
    },
    discard(machine) {
      if (reached === undefined && found === undefined && !existsSync(place.socket)) return;
      // One that does not answer keeps nothing that is of use.
      const line = reached ?? (found ??= connect(false).catch(() => undefined));
      void Promise.all([line, import('./link.ts')]).then(([there, { FRAME }]) =>
        there?.link.sendJson(FRAME.discard, 0, machine),
      );
    },
    async [Symbol.asyncDispose]() {
      isHopeless = true;
      for (const line of await Promise.all([reached, found])) line?.link.end();
    },
  };
}

/** An agent that a variable of this process names, by its path: the keeper has other variables. */
function withAgent(access: Access): Access {
  const path = process.env[AGENT_VARIABLE];
  return access.kind === 'ssh' && access.agent === AGENT_VARIABLE && path
    ? { ...access, agent: path }
    : access;
}
