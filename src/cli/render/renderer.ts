import type { OperationEvent, OperationResult } from '../../api/operation.ts';
import type { DeploymentState } from '../../api/deployment-state.ts';

/** Shows an operation while it runs. */
export interface Renderer {
  /** `state` is live: read, not kept. */
  event(event: OperationEvent, state: DeploymentState): void;
  /** Takes note of what was recorded before anybody looked. `state` is live: read, not kept. */
  past(event: OperationEvent, state: DeploymentState): void;
  /** Shows a message for people among the events. */
  note(message: string): void;
  /** Called once; null when the operation could not begin or broke off. */
  finish(result: OperationResult | null): void;
}

/** Shows everything to several renderers. */
export function together(renderers: readonly Renderer[]): Renderer {
  return {
    event(event, state) {
      for (const renderer of renderers) renderer.event(event, state);
    },
    past(event, state) {
      for (const renderer of renderers) renderer.past(event, state);
    },
    note(message) {
      for (const renderer of renderers) renderer.note(message);
    },
    finish(result) {
      for (const renderer of renderers) renderer.finish(result);
    },
  };
}
