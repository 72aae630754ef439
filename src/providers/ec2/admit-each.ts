import type { IngressRule } from './api.ts';
import { Ec2Error } from './api.ts';

/** Has all rules admitted; one that is there already makes EC2 refuse the others with it, so they go one by one then. */
export async function admitEach(
  rules: readonly IngressRule[],
  authorize: (rules: readonly IngressRule[]) => Promise<void>,
): Promise<void> {
  if (rules.length === 0) return;
  try {
    await authorize(rules);
  } catch (error) {
    if (!(error instanceof Ec2Error) || error.code !== 'InvalidPermission.Duplicate') throw error;
    if (rules.length > 1) for (const rule of rules) await admitEach([rule], authorize);
  }
}
