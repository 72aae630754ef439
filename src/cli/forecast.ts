import type { Problem } from '../plan/diagnostic.ts';
import type { Plan, Service } from '../plan/plan.ts';
import { machineName } from '../machine.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Context } from './context.ts';
import { print } from './context.ts';
import { tellWarnings } from './given-inputs.ts';
import { writeJsonLine } from './render/json.ts';
import { version } from './version.ts';
import { machinesDropped } from './victims.ts';

interface ServiceForecast {
  readonly level: string;
  readonly service: string;
  readonly provider: string;
  /** Machines that would be launched, would go on from where they are, and are ready. */
  readonly launch: number;
  readonly resume: number;
  readonly ready: number;
}

/** What `up --dry-run` would do. `state` null: the deployment would be new. */
export function printForecast(
  context: Context,
  plan: Plan,
  { state, warnings }: { readonly state: DeploymentState | null; readonly warnings: readonly Problem[] },
): void {
  const services = plan.levels.flatMap((level) => level.services.map((service) => forecast(service, state)));
  const terminate = state === null ? [] : machinesDropped(state, plan);
  if (context.flags.json) {
    const { stdout } = context.io;
    writeJsonLine(stdout, { type: 'version', format: 1, version: version(), operation: 'up' });
    tellWarnings(context, warnings);
    writeJsonLine(stdout, { type: 'forecast', deployment: plan.deployment, services, terminate });
    writeJsonLine(stdout, {
      type: 'result',
      outcome: 'succeeded',
      operation: 'up',
      dryRun: true,
      deployments: [],
    });
    return;
  }
  tellWarnings(context, warnings);
  print(
    context,
    [`${plan.deployment}: ${summary(services, terminate.length)}`, ...levelLines(plan, services)].join('\n'),
  );
  if (terminate.length > 0) print(context, `terminate: ${terminate.join(', ')}`);
}

function forecast({ name, level, provider, count }: Service, state: DeploymentState | null): ServiceForecast {
  let launch = 0;
  let ready = 0;
  for (let index = 0; index < count.max; index += 1) {
    const stage = state?.machines.get(machineName(name, index))?.stage ?? 'none';
    if (stage === 'none' || stage === 'gone') launch += 1;
    else if (stage === 'ready') ready += 1;
  }
  return { level, service: name, provider, launch, resume: count.max - launch - ready, ready };
}

function summary(services: readonly ServiceForecast[], terminate: number): string {
  const launch = services.reduce((sum, service) => sum + service.launch, 0);
  const resume = services.reduce((sum, service) => sum + service.resume, 0);
  if (launch + resume + terminate === 0) return 'there would be nothing to do';
  const parts = [
    `would launch ${launch}`,
    ...(resume > 0 ? [`go on with ${resume}`] : []),
    ...(terminate > 0 ? [`terminate ${terminate}`] : []),
  ];
  return `${parts.join(', ')} ${launch + resume + terminate === 1 ? 'machine' : 'machines'}`;
}

function levelLines(plan: Plan, services: readonly ServiceForecast[]): readonly string[] {
  return plan.levels.flatMap(({ name, index }) => [
    `level ${index + 1} of ${plan.levels.length}: ${name}`,
    ...services
      .filter(({ level }) => level === name)
      .map(({ service, provider, launch, resume, ready }) => {
        const parts = [
          ...(launch > 0 ? [`launch ${launch}`] : []),
          ...(resume > 0 ? [`go on with ${resume}`] : []),
          ...(ready > 0 ? [`${ready} ready`] : []),
        ];
        return `  ${service}: ${parts.length === 0 ? 'no machines' : parts.join(', ')} (${provider})`;
      }),
  ]);
}
