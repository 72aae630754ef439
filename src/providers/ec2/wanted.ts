import type { LaunchPreview, ProviderProblem } from '../provider.ts';
import type { Ec2Options } from './options.ts';
import { readOptions } from './options.ts';

/** A service that is checked before its launch, as far as its options can be read. */
export interface Wanted {
  readonly service: string;
  readonly preview: LaunchPreview;
  readonly options: Ec2Options;
}

export function readWanted(previews: readonly LaunchPreview[]): {
  readonly problems: readonly ProviderProblem[];
  readonly wanted: readonly Wanted[];
} {
  const problems: ProviderProblem[] = [];
  const wanted: Wanted[] = [];
  for (const preview of previews) {
    const { service } = preview.request;
    const read = readOptions(preview.request);
    if (read.kind === 'problem') problems.push({ service, message: read.message, hint: read.hint });
    else wanted.push({ service, preview, options: read.options });
  }
  return { problems, wanted };
}
