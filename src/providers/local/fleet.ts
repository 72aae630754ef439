import { join } from 'node:path';

import type {
  Holding,
  LabelChange,
  LaunchAnswer,
  LaunchBatch,
  Observation,
  PowerAnswer,
  Tags,
} from '../provider.ts';
import { carriesTags, NO_SUCH_MACHINE, unknownMachine } from '../provider.ts';
import { claimAddress } from './claim-address.ts';
import type { Power } from './control.ts';
import { createDeadline } from './deadline.ts';
import type { Hosting } from './hosting-lock.ts';
import { makeEmptyHome } from './home.ts';
import { createMachineServer } from './machine.ts';
import type { MachineServer } from './machine.ts';
import { observation } from './observation.ts';
import { readOptions } from './options.ts';
import type { LocalOptions } from './options.ts';
import { bootTime, judge } from './power.ts';
import type { Reaper } from './reaper.ts';
import { expiring, holdingOf, placeOf, relabelled } from './record.ts';
import type { MachineRecord, Surroundings } from './record.ts';
import { createUnit } from './unit.ts';
import type { Unit } from './unit.ts';

/** All machines of a state directory. Whatever it answers is on disk. */
export interface Fleet {
  /** Machines that have not ended. */
  readonly size: number;
  launch(batch: LaunchBatch, environment: Readonly<Record<string, string>>): Promise<LaunchAnswer>;
  describe(ids: readonly string[]): readonly Observation[];
  list(tags: Partial<Tags>): readonly Observation[];
  holdings(): readonly Holding[];
  power(power: Power, ids: readonly string[]): readonly (readonly [string, PowerAnswer])[];
  /** Records other labels of machines. */
  label(
    changes: readonly (readonly [id: string, change: LabelChange])[],
  ): readonly (readonly [string, PowerAnswer])[];
  /** Records when machines end by themselves, or that they do not. */
  expire(ids: readonly string[], expiresAt: number | null): readonly (readonly [string, PowerAnswer])[];
  /** Stops serving; machines stay recorded. */
  abandon(): void;
}

export interface FleetParts {
  readonly hosting: Hosting;
  /** `machines/` */
  readonly directory: string;
  readonly user: string;
  readonly key: { readonly privateKeyPath: string; readonly publicKey: string };
  readonly surroundings: Surroundings;
  readonly reaper: Reaper;
  readonly onEmpty: () => void;
}

/** Most ended machines that are remembered as such. */
const MAX_TOMBSTONES = 20_000;

export function createFleet(parts: FleetParts): Fleet {
  const { hosting, directory, user, key, reaper, surroundings } = parts;
  const seen = (unit: Unit): Observation => observation(unit, { user, privateKey: key.privateKeyPath });
  const units = new Map<string, Unit>();
  const places = new Set<string>();
  const tombstones = new Map<string, Observation>();
  const launching = new Map<string, Promise<LaunchAnswer>>();
  const addresses = {
    surroundings,
    // Of a machine that does not listen right now, nobody else can tell.
    isTaken: (record: MachineRecord) => places.has(placeOf(record)),
    serverFor,
  };

  function serverFor(record: MachineRecord): MachineServer {
    return createMachineServer(record, {
      home: join(directory, record.id),
      user,
      authorizedKey: key.publicKey,
    });
  }

  function adopt(record: MachineRecord, server: MachineServer): Unit {
    const unit = createUnit(record, {
      server,
      reaper,
      save: (changed) => hosting.update([changed]),
      onGone: bury,
    });
    units.set(record.id, unit);
    places.add(placeOf(record));
    return unit;
  }

  function bury(unit: Unit, leftover: string | null): void {
    const { id } = unit.record;
    hosting.remove([id]);
    units.delete(id);
    places.delete(placeOf(unit.record));
    const last = { ...seen(unit), state: 'terminated', reason: leftover ?? unit.reason } as const;
    tombstones.set(id, last);
    const [oldest] = tombstones.keys();
    if (tombstones.size > MAX_TOMBSTONES && oldest !== undefined) tombstones.delete(oldest);
    if (units.size === 0) parts.onEmpty();
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
        claimAddress({ name, generation, index, token, request, environment, bootsAt }, addresses),
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
    try {
      hosting.addBatch(
        token,
        claimed.map(({ record }) => record),
      );
    } catch (error) {
      for (const { server } of claimed) server.close();
      throw error;
    }
    const direct = bootsAt === 0 && request.image === null;
    for (const { record, server } of claimed) {
      const unit = adopt(record, server);
      if (direct && makeEmptyHome(server.owner.home)) continue;
      server.close();
      unit.converge();
    }
    return { kind: 'launched', ids: claimed.map(({ record }) => record.id), whyFewer: null };
  }

  const deadline = createDeadline(endExpired);

  /** Ends the machines whose time is over, and waits for the next one. Throws when that cannot be recorded, for now. */
  function endExpired(): void {
    const now = Date.now();
    deadline.set(now + AGAIN);
    let next: number | undefined;
    const over: { readonly unit: Unit; readonly record: MachineRecord }[] = [];
    for (const unit of units.values()) {
      const { record } = unit;
      const { expiresAt, wanted } = record;
      if (expiresAt === undefined || wanted === 'gone') continue;
      if (expiresAt <= now) over.push({ unit, record: { ...record, wanted: 'gone', failure: EXPIRED } });
      else next = Math.min(next ?? Infinity, expiresAt);
    }
    if (over.length > 0) hosting.update(over.map(({ record }) => record));
    for (const { unit, record } of over) {
      unit.want(record);
      unit.converge();
    }
    deadline.set(next);
  }

  for (const record of hosting.machines) adopt(record, serverFor(record)).converge();
  endExpired();

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
      const launch = launchNew(batch, read.options, environment).finally(() => launching.delete(token));
      launching.set(token, launch);
      if (batch.request.expiresAt !== undefined) launch.then(endExpired, endExpired);
      return launch;
    },
    describe: (ids) =>
      ids.map((id) => {
        const unit = units.get(id);
        return unit === undefined ? (tombstones.get(id) ?? unknownMachine(id)) : seen(unit);
      }),
    list: (tags) =>
      [...units.values()].filter(({ record }) => carriesTags(record.request.tags, tags)).map(seen),
    power(power, ids) {
      const answers = ids.map((id) => {
        const unit = units.get(id);
        return { id, unit, verdict: judge(power, unit?.record) };
      });
      const changed = answers.flatMap(({ unit, verdict: { record } }) =>
        unit && record ? [{ unit, record }] : [],
      );
      hosting.update(changed.map(({ record }) => record));
      for (const { unit, record } of changed) {
        unit.want(record);
        unit.converge();
      }
      return answers.map(({ id, verdict: { answer } }) => [id, answer] as const);
    },
    holdings: () => [...units.values()].map(({ record }) => holdingOf(record)),
    label(changes) {
      const found = changes.flatMap(([id, change]) => {
        const unit = units.get(id);
        return unit === undefined ? [] : [{ unit, record: relabelled(unit.record, change) }];
      });
      hosting.update(found.map(({ record }) => record));
      for (const { unit, record } of found) unit.want(record);
      return changes.map(([id]) => [id, units.has(id) ? ACCEPTED : NO_SUCH_MACHINE] as const);
    },
    expire(ids, expiresAt) {
      const found = ids.flatMap((id) => {
        const unit = units.get(id);
        return unit === undefined || unit.record.wanted === 'gone'
          ? []
          : [{ id, unit, record: expiring(unit.record, expiresAt) }];
      });
      hosting.update(found.map(({ record }) => record));
      for (const { unit, record } of found) unit.want(record);
      endExpired();
      const known = new Set(found.map(({ id }) => id));
      return ids.map((id) => [id, known.has(id) ? ACCEPTED : NO_SUCH_MACHINE] as const);
    },
    abandon() {
      deadline.set(undefined);
      reaper.stop();
      for (const unit of units.values()) unit.abandon();
    },
  };
}

/** Milliseconds after which it is tried again to end machines, as on a disk that was full. */
const AGAIN = 60_000;
/** Why a machine ended that nobody asked to end. */
const EXPIRED = 'the time of its deployment is over';
const ACCEPTED: PowerAnswer = { kind: 'accepted' };
