import type { Clock } from '../clock.ts';
import type { Plan, Service } from '../plan/plan.ts';
import type { Store } from '../state/store.ts';
import type { Journal } from './journal.ts';
import type { Scopes } from './scope.ts';

/** What it takes to tell what the plan makes of a machine: nothing here can change anything. */
export interface PlanContext {
  readonly plan: Plan;
  readonly journal: Pick<Journal, 'state' | 'version'>;
  readonly scopes: Scopes;
  readonly wiring: {
    readonly owner: string;
    readonly clock: Pick<Clock, 'now'>;
    readonly store: Pick<Store, 'fingerprint'>;
  };
  service(name: string): Service;
}
