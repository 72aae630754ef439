import { relative } from 'node:path';
import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

const TESTS = import.meta.dirname;

/** Beginnings of the paths of what takes longest, below `test/`, slowest first. */
const LONGEST = [
  'scenarios/many-hosts',
  'scenarios/tiers',
  'scenarios/mixed',
  'engine/faults.property',
  'connection/docker-exec',
  'engine/crash',
  'connection/script-runner',
  'connection/homes',
  'scenarios/ec2-crash',
  'scenarios/ec2-wolphin',
  'scenarios/killed',
  'scenarios/hosts-adversity',
  'engine/ec2-crash',
  'cli/exec-',
  'cli/race',
  'cli/copy-process',
  'cli/detach',
  'cli/ssh',
  'cli/wait',
  'cli/attach',
  'cli/process',
  'connection/reattach',
  'connection/secrecy',
  'cli/lazy',
  'plans',
  'providers/docker',
  'providers/local/host-process',
  'scenarios/',
  'support/ec2/machines',
  'engine/',
  'connection/',
];

/** Begins with the longest files, so that at the end no worker waits for one of them; the others as they come. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rank(one) - rank(other));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const path = relative(TESTS, moduleId);
  const place = LONGEST.findIndex((beginning) => path.startsWith(beginning));
  return place < 0 ? LONGEST.length : place;
}
