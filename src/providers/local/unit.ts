import { imageDirectory } from './options.ts';
import type { InstanceState } from '../provider.ts';
import { makeHome, removeHome } from './home.ts';
import type { MachineServer } from './machine.ts';
import type { Reaper } from './reaper.ts';
import type { MachineRecord } from './record.ts';

const RETRY = 500;

/** One machine at work: brings what is to what its record says it is meant to be. */
export interface Unit {
  readonly record: MachineRecord;
  readonly state: InstanceState;
  /** What stands in the way, or null. */
  readonly reason: string | null;
  /** Replaces what is wanted. */
  want(record: MachineRecord): void;
  /** Begins to work at it. */
  converge(): void;
  /** Stops serving; processes and files stay. */
  abandon(): void;
}

interface UnitParts {
  readonly server: MachineServer;
  readonly reaper: Reaper;
  /** Records what the unit itself changes. */
  readonly save: (record: MachineRecord) => void;
  /** The machine's processes and home are gone. `leftover` says what could not be removed. */
  readonly onGone: (unit: Unit, leftover: string | null) => void;
}

/**
 *     pending ──boot──▶ running ──stop──▶ stopping ──▶ stopped ──start──▶ pending
 *     any ──terminate──▶ terminating ──▶ (gone)      running ──reboot──▶ pending
 */
export function createUnit(first: MachineRecord, { server, reaper, save, onGone }: UnitParts): Unit {
  const { home } = server.owner;
  let record = first;
  let reason: string | null = null;
  /** True once its processes are known to have ended since it was switched off. */
  let quiet = false;
  let working = false;
  let abandoned = false;
  let wake: () => void = () => undefined;

  function state(): InstanceState {
    switch (record.wanted) {
      case 'gone':
        return 'terminating';
      case 'off':
        return quiet ? 'stopped' : 'stopping';
      case 'on':
        return server.listening && !record.powerCut ? 'running' : 'pending';
      default:
        return record.wanted satisfies never;
    }
  }

  function sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function change(next: MachineRecord): void {
    save(next);
    record = next;
  }

  async function endProcesses(): Promise<void> {
    server.close();
    await reaper.end(server.owner, (why) => (reason = `Cannot end it: ${why}`));
    reason = null;
  }

  async function boot(): Promise<void> {
    const wait = record.bootsAt - Date.now();
    if (wait > 0) {
      await sleep(wait);
      return;
    }
    const code = await server.listen();
    reason = code === null ? null : `Cannot listen at ${record.address}:${record.port}: ${code}`;
    if (code !== null) await sleep(RETRY);
  }

  async function prepare(): Promise<boolean> {
    try {
      await makeHome(home, imageDirectory(record.request));
      return true;
    } catch (error) {
      change({ ...record, wanted: 'gone', failure: `Cannot make its home: ${textOf(error)}` });
      return false;
    }
  }

  async function end(): Promise<void> {
    await endProcesses();
    let leftover: string | null = null;
    try {
      await removeHome(home);
    } catch (error) {
      leftover = `Cannot remove "${home}": ${textOf(error)}`;
    }
    onGone(unit, leftover);
    abandoned = true;
  }

  async function switchOff(): Promise<void> {
    await endProcesses();
    if (record.powerCut) change({ ...record, powerCut: false });
    quiet = true;
  }

  async function switchOn(): Promise<void> {
    quiet = false;
    if (await prepare()) await boot();
  }

  /** The next piece of work. */
  function due(): (() => Promise<void>) | undefined {
    if (abandoned) return undefined;
    if (record.wanted === 'gone') return end;
    if (record.powerCut || (record.wanted === 'off' && !quiet)) return switchOff;
    return record.wanted === 'off' || server.listening ? undefined : switchOn;
  }

  async function work(): Promise<void> {
    for (let task = due(); task !== undefined; task = due()) {
      try {
        await task();
      } catch (error) {
        reason = textOf(error);
        await sleep(RETRY);
      }
    }
    working = false;
  }

  const unit: Unit = {
    get record() {
      return record;
    },
    get state() {
      return state();
    },
    get reason() {
      return reason ?? record.failure;
    },
    want(next) {
      record = next;
      wake();
    },
    converge() {
      if (working) return;
      working = true;
      void work();
    },
    abandon() {
      abandoned = true;
      wake();
      server.close();
    },
  };
  return unit;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
