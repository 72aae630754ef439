import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatProblems } from '../../src/plan/diagnostic.ts';
import { fileSources } from '../../src/plan/file-sources.ts';
import { readPlan, resolvePlan } from '../../src/plan/load.ts';

const FOLDER = 'test/fixtures/plan/wrong/';
const NOTHING = { flags: [], files: [], recorded: {}, env: {} };
const directory = join(import.meta.dirname, '../fixtures/plan/wrong');
const plans = readdirSync(directory).filter((name) => name.endsWith('.yml'));

describe('a wrong plan', () => {
  it.each(plans)('%s is reported as its text says', async (name) => {
    await expect(report(join(directory, name))).toMatchFileSnapshot(
      join(directory, name.replace('.yml', '.txt')),
    );
  });

  it.each(plans)('%s resolves to no plan and to all that reading it found', (name) => {
    const document = readPlan(join(directory, name), fileSources());
    const resolved = resolvePlan(document, { deployment: null, inputs: NOTHING, need: 'all' });
    expect(resolved.plan).toBeNull();
    expect(resolved.problems.length).toBeGreaterThan(0);
    expect(resolved.problems).toEqual(expect.arrayContaining([...document.problems]));
  });

  it('is one of at least forty', () => {
    expect(plans.length).toBeGreaterThanOrEqual(40);
  });
});

/** Problems, then warnings, with paths as seen from the folder of the wrong plans. */
function report(path: string): string {
  const document = readPlan(path, fileSources());
  const { problems, warnings } = resolvePlan(document, { deployment: null, inputs: NOTHING, need: 'all' });
  const text =
    formatProblems(problems) + (warnings.length > 0 ? `Warnings:\n${formatProblems(warnings)}` : '');
  return text.replaceAll(FOLDER, '');
}
