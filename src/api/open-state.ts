import type { StateSettings } from './session.ts';
import { createSession } from './session.ts';
import type { State } from './state.ts';
import { createState } from './state.ts';

/** Opens a state directory; nothing is made or read yet. */
export function openState(settings: StateSettings = {}): Promise<State> {
  return new Promise((done) => {
    done(createState(createSession(settings)));
  });
}
