import type { Machine, Made, Parts } from '../machine.ts';
import type { Service, SshOptions } from '../plan/plan.ts';
import type { Scope } from '../plan/template.ts';
import { render } from '../plan/template.ts';
import { launchRequest } from './launch-request.ts';
import type { Fingerprint } from './made.ts';
import { bootstrapParts, launchParts, verifyParts } from './made.ts';
import { identityOf } from '../providers/identity.ts';
import type { PlanContext } from './plan-context.ts';
import { rendered } from './rendered.ts';

/** What the plan would make a machine with now; a part that cannot be rendered yet is null. */
export type Desired = (machine: Machine, service: Service) => Made;

export function createDesired(context: PlanContext): Desired {
  const print: Fingerprint = (text) => context.wiring.store.fingerprint(text);
  const launches = new Map<string, Pick<Made, 'launch' | 'labels'>>();

  function launchOf(machine: Machine, service: Service): Pick<Made, 'launch' | 'labels'> {
    if (service.launchesOneByOne) return launchMade(service, [machine.name], context);
    const known = launches.get(service.name) ?? launchMade(service, [machine.name], context);
    launches.set(service.name, known);
    return known;
  }

  return (machine, service) => {
    const { scopes } = context;
    const launch = rendered(() => launchOf(machine, service));
    return {
      launch: launch?.launch ?? null,
      labels: launch?.labels ?? null,
      ssh: rendered(() => sshParts(service.ssh, scopes.connect(service, machine), print)),
      bootstrap: rendered(() => bootstrapParts(service, scopes.bootstrap(service, machine), print)),
      verify: rendered(() => verifyParts(service, scopes.ready(service, machine), print)),
    };
  };
}

/** What a launching call is made with. Throws `TemplateError`. */
export function launchMade(
  service: Service,
  machines: readonly string[],
  context: PlanContext,
): Pick<Made, 'launch' | 'labels'> {
  const print: Fingerprint = (text) => context.wiring.store.fingerprint(text);
  const request = launchRequest(service, machines, context);
  const { type, options } = context.plan.providers[service.provider] ?? {
    type: service.provider,
    options: {},
  };
  const parts = launchParts(request, [service.provider, type, identityOf({ type, options })], print);
  return {
    launch: service.colocate === null ? parts : { 'the machine that it shares': parts['options'] ?? '' },
    labels: Object.fromEntries(Object.entries(request.labels).map(([key, value]) => [key, print(value)])),
  };
}

/** What a plan says of how a machine is reached. Throws `TemplateError`. */
export function sshParts(ssh: SshOptions, scope: Scope, print: Fingerprint): Parts {
  const parts: Record<string, string> = {};
  for (const key of ['user', 'port', 'privateKey', 'hostKey', 'jump'] as const) {
    const written = ssh[key];
    if (written !== undefined)
      parts[key] = print(typeof written === 'number' ? String(written) : render(written, scope));
  }
  if (ssh.address !== undefined) parts['address'] = print(ssh.address);
  return parts;
}
