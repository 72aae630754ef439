import { setTimeout as delay } from 'node:timers/promises';

import type { Member, Owner, Scan } from './processes.ts';

/** Ends processes of machines. */
export interface Reaper {
  /**
   * Resolves once two looks in a row found no process of the machine. `onStuck` is told now and then what cannot be
   * ended, such as a process of another user.
   */
  end(owner: Owner, onStuck: (why: string) => void): Promise<void>;
  /** Stops looking; promises stay pending. */
  stop(): void;
}

interface Case {
  readonly owner: Owner;
  readonly onStuck: (why: string) => void;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
  empty: number;
}

/** Many machines that end at a time share one look at the computer's processes. */
export function createReaper(scan: Scan): Reaper {
  let cases: Case[] = [];
  let running = false;
  let stopped = false;

  async function run(): Promise<void> {
    let pause = 1;
    try {
      while (cases.length > 0 && !stopped) {
        const looked = cases;
        const members = await scan(looked.map(({ owner }) => owner));
        for (const one of looked) endOnce(one, members.get(one.owner) ?? []);
        cases = cases.filter((one) => one.empty < 2);
        for (const one of looked) if (one.empty >= 2) one.done();
        pause = looked.some(({ empty }) => empty === 0) ? Math.min(pause * 2, 500) : 1;
        await delay(pause);
      }
    } catch (error) {
      for (const one of cases) one.failed(error);
      cases = [];
    } finally {
      running = false;
    }
  }

  return {
    end(owner, onStuck) {
      return new Promise((done, failed) => {
        cases.push({ owner, onStuck, done, failed, empty: 0 });
        if (running) return;
        running = true;
        // After this turn, so that all machines of one request are in the first look.
        setImmediate(() => void run());
      });
    },
    stop: () => (stopped = true),
  };
}

function endOnce(one: Case, members: readonly Member[]): void {
  one.empty = members.length === 0 ? one.empty + 1 : 0;
  // Groups first: a member that forks right now cannot get away.
  const groups = new Set(members.map(({ group }) => group));
  for (const pid of one.owner.sessions()) groups.add(pid);
  // 0: a group of another pid namespace; as a pid it would mean our own.
  for (const group of groups) if (group > 1) kill(-group);
  const stuck = members.filter(({ pid }) => kill(pid) === 'EPERM');
  const [first] = stuck;
  if (first !== undefined) one.onStuck(`process ${first.pid} belongs to another user`);
}

function kill(pid: number): string {
  try {
    process.kill(pid, 'SIGKILL');
    return 'killed';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}
