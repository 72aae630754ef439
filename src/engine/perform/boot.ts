import { spellDuration } from '../../duration.ts';
import type { FactBody } from '../../fact.ts';
import type { Access, Addresses, Machine } from '../../machine.ts';
import type { SshOptions } from '../../plan/plan.ts';
import { TemplateError, render } from '../../plan/template.ts';
import type { Observation } from '../../providers/provider.ts';
import type { Cancel, PerformContext } from './context.ts';
import { failureOf, machineOf } from './context.ts';
import { relaunchOrGiveUp } from './relaunch.ts';

/** Waits until the provider says that the machine runs: the first stage of readiness. */
export async function boot(
  name: string,
  context: PerformContext,
  { signal }: Cancel,
): Promise<readonly FactBody[]> {
  const machine = machineOf(context.journal, name);
  const { id, generation } = machine;
  if (id === null) throw new Error(`Machine "${name}" has no instance. This is a bug in plan.`);
  const service = context.service(machine.service);
  const timeout = service.timeouts.launch;
  const startedAt = context.wiring.clock.now();
  const end = await context.watch(machine.provider).wait(id, { until: isOver, timeout, signal });
  if (end.kind === 'timeout') {
    const state = end.lastError ?? `the provider says "${end.last?.state ?? 'unknown'}"`;
    const failure = failureOf(
      'launch',
      'timeout',
      `The machine does not run after ${spellDuration(timeout)}: ${state}`,
    );
    return relaunchOrGiveUp(machine, failure, { startedAt, context });
  }
  const { observation } = end;
  if (observation.state !== 'running' || observation.addresses === null || observation.access === null) {
    const why = observation.reason === null ? '' : `: ${observation.reason}`;
    const failure = failureOf(
      'launch',
      'lost',
      `The machine is "${observation.state}" at the provider${why}`,
    );
    return relaunchOrGiveUp(machine, failure, { startedAt, context });
  }
  const access = adjust(observation.access, observation.addresses, machine, context);
  return [{ type: 'machine-running', machine: name, generation, addresses: observation.addresses, access }];
}

function isOver({ state }: Observation): boolean {
  return state !== 'pending';
}

/** The provider's access with what the plan says under `ssh`. Throws `TemplateError`. */
function adjust(access: Access, addresses: Addresses, machine: Machine, context: PerformContext): Access {
  const service = context.service(machine.service);
  const { ssh } = service;
  const scope = context.scopes.connect(service, machine);
  const port =
    ssh.port === undefined
      ? access.port
      : Number(typeof ssh.port === 'number' ? ssh.port : render(ssh.port, scope));
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new TemplateError(`"ssh.port" is not a port: "${port}"`);
  return {
    ...access,
    host: hostOf(ssh.address, access, addresses),
    port,
    user: ssh.user === undefined ? access.user : render(ssh.user, scope),
    privateKey: ssh.privateKey === undefined ? access.privateKey : render(ssh.privateKey, scope),
  };
}

function hostOf(which: SshOptions['address'], access: Access, { publicIp, privateIp }: Addresses): string {
  if (which === undefined) return access.host;
  const host = which === 'public' ? publicIp : privateIp;
  if (host === null)
    throw new TemplateError(`"ssh.address" is "${which}", and the machine has no ${which} address`);
  return host;
}
