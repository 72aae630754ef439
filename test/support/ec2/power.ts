import type { Clock } from '../../../src/clock.ts';
import type { MachineBackend } from './backend.ts';
import type { Instance } from './instance.ts';
import { momentOf } from './instance.ts';

/** Makes the backend do what happens to instances, one thing after another for each of them. */
export interface Power extends AsyncDisposable {
  /** Tells that the timeline of an instance was changed. */
  follow(instance: Instance): void;
  reboot(instance: Instance): void;
  /** Resolves when the backend has done all that it was told so far; rejects with its errors. */
  settled(): Promise<void>;
}

interface Wire {
  /** Whether the machine is to be on; undefined: it has never been. */
  isOn?: boolean;
  isGone?: boolean;
  cancel: () => void;
  work: Promise<void>;
}

export function createPower(clock: Clock, backend: MachineBackend | null): Power {
  const wires = new Map<string, Wire>();
  const failures: unknown[] = [];

  function wireOf(id: string): Wire {
    let wire = wires.get(id);
    if (wire === undefined) {
      wire = { cancel: () => undefined, work: Promise.resolve() };
      wires.set(id, wire);
    }
    return wire;
  }

  function enqueue(wire: Wire, step: () => Promise<void>): void {
    wire.work = wire.work.then(step).catch((error: unknown) => {
      failures.push(error);
    });
  }

  function follow(instance: Instance): void {
    if (backend === null) return;
    const wire = wireOf(instance.id);
    wire.cancel();
    const now = clock.now();
    const { state } = momentOf(instance, now);
    const wasOn = wire.isOn;
    if (state === 'running' && wasOn !== true) {
      wire.isOn = true;
      enqueue(wire, () => backend.boot(bootRequest(instance)));
    } else if ((state === 'stopping' || state === 'stopped') && wasOn === true) {
      wire.isOn = false;
      enqueue(wire, () => backend.stop(instance.id));
    } else if (
      (state === 'shutting-down' || state === 'terminated') &&
      wasOn !== undefined &&
      wire.isGone !== true
    ) {
      wire.isGone = true;
      enqueue(wire, () => backend.terminate(instance.id));
    }
    const next = instance.timeline.find(({ at }) => at > now);
    wire.cancel = next === undefined ? () => undefined : clock.after(next.at - now, () => follow(instance));
  }

  async function settled(): Promise<void> {
    await Promise.all([...wires.values()].map(({ work }) => work));
    const errors = failures.splice(0);
    if (errors.length > 0) throw new AggregateError(errors, 'The machine backend failed');
  }

  return {
    follow,
    reboot(instance) {
      if (backend === null) return;
      const wire = wireOf(instance.id);
      if (wire.isOn === true && wire.isGone !== true) enqueue(wire, () => backend.reboot(instance.id));
    },
    settled,
    async [Symbol.asyncDispose]() {
      for (const { cancel } of wires.values()) cancel();
      await settled();
    },
  };
}

function bootRequest({ id, address, spec }: Instance): Parameters<MachineBackend['boot']>[0] {
  const { publicKey, userData, image } = spec;
  return {
    id,
    address,
    authorizedKeys: publicKey === null ? [] : [publicKey],
    userData,
    user: image.user,
  };
}
