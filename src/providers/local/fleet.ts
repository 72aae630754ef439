import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';

import { hostKeyPair } from '../../keys.ts';
import type {
  LaunchAnswer,
  LaunchBatch,
  LaunchRequest,
  Observation,
  PowerAnswer,
  Tags,
} from '../provider.ts';
import { candidate } from './address.ts';
import type { AddressSpace } from './address.ts';
import type { Power } from './control.ts';
import type { Hosting } from './hosting-lock.ts';
import { makeEmptyHome } from './home.ts';
import { createMachineServer } from './machine.ts';
import type { MachineServer } from './machine.ts';
import { markerFor, slotOf } from './marker.ts';
import { readOptions } from './options.ts';
import type { LocalOptions } from './options.ts';
import type { Reaper } from './reaper.ts';
import type { MachineRecord } from './record.ts';
import { bootTime, createUnit } from './unit.ts';
import type { Unit } from './unit.ts';

/** All machines of a state directory. Whatever it answers is on disk. */
export interface Fleet {
  /** Machines that have not ended. */
  readonly size: number;
  launch(batch: LaunchBatch, environment: Readonly<Record<string, string>>): Promise<LaunchAnswer>;
  describe(ids: readonly string[]): readonly Observation[];
  list(tags: Partial<Tags>): readonly Observation[];
  power(power: Power, ids: readonly string[]): readonly (readonly [string, PowerAnswer])[];
  /** Stops serving; machines stay recorded. */
  abandon(): void;
}

export interface FleetParts {
  readonly hosting: Hosting;
  /** `machines/` */
  readonly directory: string;
  readonly user: string;
  readonly key: { readonly privateKeyPath: string; readonly publicKey: string };
  readonly space: AddressSpace;
  readonly reaper: Reaper;
  /** How processes are marked; undefined: they are not. `outer` is the limit of this process. */
  readonly marking: { readonly outer: number | null } | undefined;
  readonly onEmpty: () => void;
}

/** Most ended machines that are remembered as such. */
const MAX_TOMBSTONES = 20_000;
const ADDRESS_TRIES = 20;

export function createFleet(parts: FleetParts): Fleet {
  const { hosting, directory, user, key, reaper } = parts;
  const units = new Map<string, Unit>();
  const tombstones = new Map<string, Observation>();
  const launching = new Map<string, Promise<LaunchAnswer>>();

  function serverFor(record: MachineRecord): MachineServer {
    return createMachineServer(record, {
      directory: join(directory, record.id),
      user,
      authorizedKey: key.publicKey,
    });
  }

  function adopt(record: MachineRecord, server: MachineServer): Unit {
    const unit = createUnit(record, { server, reaper, onGone: bury, onFailure: condemn });
    units.set(record.id, unit);
    return unit;
  }

  function bury(unit: Unit, leftover: string | null): void {
    const { id } = unit.record;
    hosting.remove([id]);
    units.delete(id);
    tombstones.set(id, { ...observe(unit), state: 'terminated', reason: leftover ?? unit.reason });
    if (tombstones.size > MAX_TOMBSTONES)
      for (const oldest of tombstones.keys()) {
        tombstones.delete(oldest);
        break;
      }
    if (units.size === 0) parts.onEmpty();
  }

  function condemn(unit: Unit, failure: string): void {
    const record: MachineRecord = { ...unit.record, wanted: 'gone', failure };
    hosting.update([record]);
    unit.want(record);
  }

  function observe({ record, state, reason }: Unit): Observation {
    const { id, address, port } = record;
    const access = {
      kind: 'ssh',
      host: address,
      port,
      user,
      privateKey: key.privateKeyPath,
      hostKey: record.hostKey.publicKey,
    } as const;
    return {
      id,
      state,
      reason,
      addresses: { hostname: address, address, privateIp: address, publicIp: null },
      access,
      batch: record.batch,
    };
  }

  /** A machine with an address that nobody else listens at; an error code when there is none. */
  async function claim(
    machine: NewMachine,
  ): Promise<{ readonly record: MachineRecord; readonly server: MachineServer } | string> {
    let code = 'EADDRINUSE';
    for (let tries = 0; tries < ADDRESS_TRIES && code === 'EADDRINUSE'; tries++) {
      const record = recordFor(machine, parts);
      const server = serverFor(record);
      const failure = await server.listen();
      if (failure === null) return { record, server };
      code = failure;
    }
    return code;
  }

  async function launchNew(
    batch: LaunchBatch,
    options: LocalOptions,
    environment: Readonly<Record<string, string>>,
  ): Promise<LaunchAnswer> {
    const { token, request } = batch;
    const bootsAt = bootTime(options.bootDelay);
    const claims = await Promise.all(
      batch.machines.map(({ name, generation }, index) =>
        claim({ name, generation, index, token, request, environment, bootsAt }),
      ),
    );
    const claimed = claims.filter((one) => typeof one !== 'string');
    const failure = claims.find((one) => typeof one === 'string');
    if (failure !== undefined) {
      for (const { server } of claimed) server.close();
      return {
        kind: 'refused',
        message: `Cannot listen at a loopback address: ${failure}`,
        retryAfter: null,
      };
    }
    hosting.addBatch(
      token,
      claimed.map(({ record }) => record),
    );
    const direct = bootsAt === 0 && request.image === null;
    for (const { record, server } of claimed) {
      const unit = adopt(record, server);
      if (direct) {
        makeEmptyHome(join(directory, record.id));
      } else {
        server.close();
        unit.converge();
      }
    }
    return { kind: 'launched', ids: claimed.map(({ record }) => record.id), whyFewer: null };
  }

  for (const record of hosting.machines) adopt(record, serverFor(record)).converge();

  return {
    get size() {
      return units.size;
    },
    async launch(batch, environment) {
      const { token } = batch;
      const ids = hosting.batch(token);
      if (ids !== undefined) return { kind: 'launched', ids, whyFewer: null };
      const running = launching.get(token);
      if (running !== undefined) return running;
      const read = readOptions(batch.request);
      if (read.kind === 'problem') return { kind: 'refused', message: read.message, retryAfter: null };
      if (parts.marking !== undefined && markerFor(1, 0, parts.marking.outer) === null) {
        return {
          kind: 'refused',
          message: 'Cannot launch machines here: local machines nest two deep at most',
          retryAfter: null,
        };
      }
      const launch = launchNew(batch, read.options, environment).finally(() => launching.delete(token));
      launching.set(token, launch);
      return launch;
    },
    describe: (ids) =>
      ids.map((id) => {
        const unit = units.get(id);
        return unit === undefined ? (tombstones.get(id) ?? unknown(id)) : observe(unit);
      }),
    list: (tags) =>
      [...units.values()].filter(({ record }) => carries(record.request.tags, tags)).map(observe),
    power(power, ids) {
      const answers = ids.map((id) => {
        const unit = units.get(id);
        return { id, unit, verdict: verdict(power, unit?.record) };
      });
      const changed = answers.flatMap(({ unit, verdict: { record } }) =>
        unit && record ? [{ unit, record }] : [],
      );
      hosting.update(changed.map(({ record }) => record));
      for (const { unit, record } of changed) {
        unit.want(record, { powerCut: power === 'reboot' });
        unit.converge();
      }
      return answers.map(({ id, verdict: { answer } }) => [id, answer] as const);
    },
    abandon() {
      reaper.stop();
      for (const unit of units.values()) unit.abandon();
    },
  };
}

interface NewMachine {
  readonly name: string;
  readonly generation: number;
  readonly index: number;
  readonly token: string;
  readonly request: LaunchRequest;
  readonly environment: Readonly<Record<string, string>>;
  readonly bootsAt: number;
}

function recordFor(machine: NewMachine, { space, marking }: FleetParts): MachineRecord {
  const { address, port } = candidate(space);
  const random = randomInt(2 ** 16);
  return {
    id: `local-${randomBytes(6).toString('hex')}`,
    name: machine.name,
    generation: machine.generation,
    batch: { token: machine.token, index: machine.index },
    request: machine.request,
    address,
    port,
    hostKey: hostKeyPair(),
    marker: marking === undefined ? null : markerFor(slotOf(address, port, random), random, marking.outer),
    environment: machine.environment,
    wanted: 'on',
    bootsAt: machine.bootsAt,
    failure: null,
  };
}

/** What a power request makes of a machine's record; without `record` nothing changes. */
function verdict(
  power: Power,
  record: MachineRecord | undefined,
): { readonly answer: PowerAnswer; readonly record?: MachineRecord } {
  const accepted = { kind: 'accepted' } as const;
  if (power === 'terminate') {
    return record === undefined || record.wanted === 'gone'
      ? { answer: accepted }
      : { answer: accepted, record: { ...record, wanted: 'gone' } };
  }
  if (record === undefined) return { answer: { kind: 'cannot', why: 'there is no such machine' } };
  if (record.wanted === 'gone') return { answer: { kind: 'cannot', why: 'it is being terminated' } };
  switch (power) {
    case 'stop':
      return { answer: accepted, record: { ...record, wanted: 'off' } };
    case 'start':
      return record.wanted === 'on' ? { answer: accepted } : { answer: accepted, record: booting(record) };
    case 'reboot':
      return record.wanted === 'on'
        ? { answer: accepted, record: booting(record) }
        : { answer: { kind: 'cannot', why: 'it is stopped' } };
    default:
      return power satisfies never;
  }
}

function booting(record: MachineRecord): MachineRecord {
  const read = readOptions({ ...record.request, image: null });
  return { ...record, wanted: 'on', bootsAt: read.kind === 'options' ? bootTime(read.options.bootDelay) : 0 };
}

function carries(tags: Tags, wanted: Partial<Tags>): boolean {
  return (['deployment', 'uuid', 'owner'] as const).every(
    (name) => wanted[name] === undefined || wanted[name] === tags[name],
  );
}

function unknown(id: string): Observation {
  return { id, state: 'unknown', reason: null, addresses: null, access: null, batch: null };
}
