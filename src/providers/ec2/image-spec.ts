import type { Json } from '../../json.ts';
import { isMap } from './option-reader.ts';
import type { OptionProblem } from './problem.ts';
import { problem } from './problem.ts';

/** How a plan names an image. */
export type ImageSpec =
  | { readonly kind: 'id'; readonly id: string }
  /** An SSM parameter whose value is an image's id. */
  | { readonly kind: 'parameter'; readonly name: string }
  /** `name` may have `*` and `?`. */
  | { readonly kind: 'newest'; readonly owner: string; readonly name: string };

const SSM = 'ssm:';
const HINT =
  'Write an image id (ami-…), ssm: and the path of a parameter, or { owner, name } for the newest image of a name.';

/** Reads `ami-…`, `ssm:/path` or the JSON text of `{ owner, name }`. */
export function imageSpec(image: string | null): ImageSpec | OptionProblem {
  const written = image?.trim() ?? '';
  if (written === '') return problem('Cannot launch machines on EC2: "image" is required', HINT);
  if (/^[ae]mi-\w+$/.test(written)) return { kind: 'id', id: written };
  if (written.startsWith(SSM) && written.length > SSM.length)
    return { kind: 'parameter', name: written.slice(SSM.length) };
  return newestOf(written) ?? problem(`Cannot use image "${written}": EC2 has no images of that form`, HINT);
}

function newestOf(written: string): ImageSpec | undefined {
  if (!written.startsWith('{')) return undefined;
  try {
    const query = JSON.parse(written) as Json;
    if (!isMap(query)) return undefined;
    const { owner, name, ...others } = query;
    const isQuery = typeof owner === 'string' && typeof name === 'string' && Object.keys(others).length === 0;
    return isQuery && owner !== '' && name !== '' ? { kind: 'newest', owner, name } : undefined;
  } catch {
    return undefined;
  }
}
