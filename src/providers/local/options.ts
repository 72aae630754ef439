import { statSync } from 'node:fs';
import { resolve } from 'node:path';

import { parseDuration } from '../../duration.ts';
import type { Json } from '../../json.ts';
import type { LaunchRequest } from '../provider.ts';

/** What a service may say under `local`. */
export interface LocalOptions {
  /** Milliseconds that a machine stays pending, its SSH server not listening. */
  readonly bootDelay: number;
}

export type ReadOptions =
  | { readonly kind: 'options'; readonly options: LocalOptions }
  | { readonly kind: 'problem'; readonly message: string; readonly hint: string };

/** Reads a service's request, or says what is wrong with it. Looks at the image's directory. */
export function readOptions(request: LaunchRequest): ReadOptions {
  const image = imageDirectory(request);
  if (image !== null && !isDirectory(image)) {
    return {
      kind: 'problem',
      message: `Cannot start machines from image "${image}": it is not a directory`,
      hint: 'The image of a local machine is a directory whose content its home starts with.',
    };
  }
  const bootDelay = milliseconds(request.options['bootDelay'] ?? 0);
  if (bootDelay === undefined) {
    return {
      kind: 'problem',
      message: `Cannot use bootDelay ${JSON.stringify(request.options['bootDelay'])}: it is not a duration`,
      hint: 'Write a duration such as "500ms" or "3s".',
    };
  }
  return { kind: 'options', options: { bootDelay } };
}

/** Absolute path of the directory whose content machines start with, or null. */
export function imageDirectory({ image, directory }: LaunchRequest): string | null {
  return image === null ? null : resolve(directory, image);
}

function milliseconds(value: Json): number | undefined {
  if (typeof value === 'string') return parseDuration(value);
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
