import type { PerformContext } from './context.ts';

/** Milliseconds after which what was refused is asked for again while machines of the deployment end. */
export const ROOM_PAUSE = 5_000;

/**
 * True while replaced machines of a provider are on their way out: what it refuses to launch until then may find its
 * room once they are gone, as where a quota is used up by the machines that are replaced.
 */
export function isMakingRoom(
  provider: string,
  { journal: { state } }: Pick<PerformContext, 'journal'>,
): boolean {
  for (const id of state.condemned) if (state.instances.get(id)?.provider === provider) return true;
  return false;
}
