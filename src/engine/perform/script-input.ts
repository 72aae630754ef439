import type { RemoteFile } from '../../connection/connection.ts';
import type { ScriptRun } from '../../connection/script-runner.ts';
import type { Machine } from '../../machine.ts';
import type { FileSpec, Script, Service } from '../../plan/plan.ts';
import type { Scope } from '../../plan/template.ts';
import { render } from '../../plan/template.ts';
import { builtIn } from '../../state/whereabouts.ts';
import { outputsOf } from '../scope.ts';
import type { PerformContext } from './context.ts';
import { baseOf } from './context.ts';

/** What a script is given, rendered. Throws `TemplateError`. */
export function scriptInput(
  script: Script,
  machine: Machine,
  service: Service,
  scope: Scope,
  context: PerformContext,
): Omit<ScriptRun, 'name' | 'files' | 'outputs' | 'stopFirst'> {
  return {
    base: baseOf(context, machine),
    script: { entries: script.entries, main: script.main },
    args: script.args.map((arg) => render(arg, scope)),
    env: {
      ...renderAll(service.env, scope),
      ...renderAll(script.env, scope),
      ...planVariables(machine, service, context),
    },
    user: service.user,
    asRoot: script.user === 'root',
    attributes: attributesJson(machine, context),
  };
}

/** The files of a service, rendered. A relative path is relative to the work directory. Throws `TemplateError`. */
export function filesOf(service: Service, scope: Scope): readonly RemoteFile[] {
  return service.files.flatMap((file) => renderFile(file, scope));
}

const DEFAULT_MODE = 0o644;

function renderFile({ target, mode, content }: FileSpec, scope: Scope): readonly RemoteFile[] {
  const path = render(target, scope);
  if (content.kind === 'text')
    return [{ path, mode: mode ?? DEFAULT_MODE, bytes: Buffer.from(render(content.text, scope)) }];
  return content.entries.map((entry) => ({
    path: entry.path === '' ? path : `${path.replace(/\/$/, '')}/${entry.path}`,
    mode: mode ?? entry.mode,
    bytes: entry.body.kind === 'bytes' ? entry.body.bytes : Buffer.from(render(entry.body.text, scope)),
  }));
}

function renderAll(templates: Service['env'], scope: Scope): Record<string, string> {
  return Object.fromEntries(
    Object.entries(templates).map(([name, template]) => [name, render(template, scope)]),
  );
}

/** `PLAN_*`: never a reason to bootstrap again. */
function planVariables(machine: Machine, service: Service, context: PerformContext): Record<string, string> {
  return {
    PLAN_DEPLOYMENT: context.journal.state.name,
    PLAN_LEVEL: service.level,
    PLAN_SERVICE: service.name,
    PLAN_MACHINE: machine.name,
    PLAN_INDEX: String(machine.index),
    PLAN_COUNT: String(service.count.max),
    PLAN_HOSTNAME: machine.addresses?.hostname ?? '',
    PLAN_ADDRESS: machine.addresses?.address ?? '',
  };
}

function attributesJson(machine: Machine, context: PerformContext): string {
  const inputs = Object.entries(context.plan.inputs).filter(
    ([, input]) => !input.sensitive && input.value !== undefined,
  );
  return JSON.stringify({
    self: { ...builtIn(machine), ...outputsOf(machine) },
    deployment: { name: context.journal.state.name },
    inputs: Object.fromEntries(inputs.map(([name, { value }]) => [name, value])),
  });
}
