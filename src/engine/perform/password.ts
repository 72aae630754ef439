import type { Target } from '../../connection/connection-pool.ts';
import type { Machine } from '../../machine.ts';
import { TemplateError, render } from '../../plan/template.ts';
import type { PerformContext } from './context.ts';

/** The password that the plan has for a machine, or why there is none. It is rendered whenever it is needed, and kept nowhere. */
export function passwordOf(
  machine: Machine,
  context: PerformContext,
): Pick<Target, 'password' | 'noPassword'> {
  const service = context.plan.levels
    .flatMap(({ services }) => services)
    .find(({ name }) => name === machine.service);
  const ssh = service?.ssh;
  if (service === undefined || ssh?.password === undefined) return {};
  try {
    const password = render(ssh.password, context.scopes.connect(service, machine));
    return password === '' ? { noPassword: 'the password is empty' } : { password };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { noPassword: `there is no password: ${error.message}` };
  }
}
