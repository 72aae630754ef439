import type { Output } from '../io.ts';
import { happenings } from './happening.ts';
import type { Renderer } from './renderer.ts';

/** Shows failures only, and of those only the final ones; the report that follows tells the rest. */
export function quietRenderer(output: Output): Renderer {
  return {
    event(event, state) {
      if (event.type !== 'fact' || event.fact.type !== 'step-failed' || !event.fact.failed.gaveUp) return;
      for (const { subject, words } of happenings(event.fact, state)) output.write(`${subject}  ${words}\n`);
    },
    past: () => undefined,
    note: (message) => output.write(`${message}\n`),
    finish: () => undefined,
  };
}
