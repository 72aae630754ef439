import { relative } from 'node:path';
import type { Sources } from '../sources.ts';
import type { PlanDocument, Resolved, ResolveRequest } from './document.ts';
import { readDocument } from './read.ts';
import { resolveDocument } from './resolve.ts';

export type { GivenInputs, PlanDocument, Resolved, ResolveRequest } from './document.ts';

/** Reads and checks a plan. Never throws, whatever bytes it is given. `path` is absolute. */
export function readPlan(path: string, sources: Sources): PlanDocument {
  return readDocument(path, sources, shownPath);
}

/** Renders all that inputs decide. Never throws. */
export function resolvePlan(document: PlanDocument, request: ResolveRequest): Resolved {
  return resolveDocument(document, request);
}

function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near.length < path.length ? near : path;
}
