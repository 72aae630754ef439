import type { Clock } from '../../clock.ts';
import { systemClock } from '../../clock.ts';
import type { Ec2Api } from './api.ts';
import { Ec2Error } from './api.ts';
import { errorKind } from './errors.ts';

/** Names machines of batches after the launch: one call launches many, which have one `Name` until then. */
export interface NameTags {
  /** Names by instance id. Returns at once; the calls are made one after another, in the background. */
  write(names: ReadonlyMap<string, string>): void;
  /** Names that could not be written. They are for people only, so that no machine is the worse for it. */
  readonly failed: number;
  /** Resolves when all names that were asked for so far are written, or have failed. */
  settled(): Promise<void>;
  /** Drops what is not written yet, and resolves when nothing is under way. */
  close(): Promise<void>;
}

/** How often a machine is named that is too new to be known everywhere, and milliseconds between. */
const TRIES = 5;
const PAUSE = 2_000;

export function createNameTags(
  api: Pick<Ec2Api, 'createTags'>,
  clock: Pick<Clock, 'sleep'> = systemClock,
): NameTags {
  const waiting = new Map<string, string>();
  const abort = new AbortController();
  let failed = 0;
  let writing: Promise<void> | null = null;

  async function writeOne(id: string, name: string): Promise<void> {
    const { signal } = abort;
    for (let tries = 1; ; tries += 1) {
      try {
        await api.createTags([id], { Name: name }, { signal });
        return;
      } catch (error) {
        const isNew = error instanceof Ec2Error && errorKind(error.code) === 'missing';
        if (!isNew || tries >= TRIES) throw error;
        await clock.sleep(PAUSE, { signal });
      }
    }
  }

  async function writeAll(): Promise<void> {
    for (const [id, name] of waiting) {
      waiting.delete(id);
      try {
        await writeOne(id, name);
      } catch {
        failed += 1;
      }
    }
    writing = null;
  }

  return {
    get failed() {
      return failed;
    },
    write(names) {
      if (abort.signal.aborted) return;
      for (const [id, name] of names) waiting.set(id, name);
      if (waiting.size > 0) writing ??= writeAll();
    },
    settled: async () => {
      await writing;
    },
    async close() {
      waiting.clear();
      abort.abort();
      await writing;
    },
  };
}
