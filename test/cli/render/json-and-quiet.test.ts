import { expect, it } from 'vitest';
import { jsonRenderer } from '../../../src/cli/render/json.ts';
import { quietRenderer } from '../../../src/cli/render/quiet.ts';
import { collector, jsonLines } from '../command.ts';
import { START, story } from './story.ts';

it('jsonRenderer() prints facts and events as lines, times as ISO 8601, sensitive values as ***', () => {
  const output = collector();
  const renderer = jsonRenderer(output.stream, { now: () => START });
  const own = story({ data: { db: 1 } }, (event, state) => renderer.event(event, state));
  own.launch('db', 1);
  own.record({
    type: 'step-succeeded',
    machine: 'db-0',
    generation: 1,
    step: 'bootstrap',
    attempt: 1,
    startedAt: START,
    outputs: { port: '1', key: { sensitive: 'hush' } },
  });
  own.tell({ type: 'output', machine: 'db-0', step: 'bootstrap', lines: ['one'] });
  own.tell({ type: 'api-calls', provider: 'west', calls: { RunInstances: 2 }, machines: 1 });
  renderer.note('not for programs');
  renderer.finish(null);
  const lines = jsonLines(output.text());
  expect(output.text()).not.toContain('hush');
  expect(lines[1]).toMatchObject({
    type: 'operation-started',
    deployment: 'web-stack',
    operation: { kind: 'up', startedAt: '2026-01-02T03:04:05.000Z', endedAt: null },
  });
  expect(lines[2]).toMatchObject({ type: 'launch-requested', batch: { request: '***' } });
  expect(lines.slice(-3)).toEqual([
    {
      type: 'step-succeeded',
      at: '2026-01-02T03:04:05.400Z',
      deployment: 'web-stack',
      machine: 'db-0',
      generation: 1,
      step: 'bootstrap',
      attempt: 1,
      startedAt: '2026-01-02T03:04:05.000Z',
      outputs: { port: '1', key: '***' },
    },
    {
      type: 'output',
      at: '2026-01-02T03:04:05.000Z',
      deployment: 'web-stack',
      machine: 'db-0',
      step: 'bootstrap',
      lines: ['one'],
    },
    {
      type: 'api-calls',
      at: '2026-01-02T03:04:05.000Z',
      deployment: 'web-stack',
      provider: 'west',
      calls: { RunInstances: 2 },
      machines: 1,
    },
  ]);
});

it('quietRenderer() prints final failures only', () => {
  const output = collector();
  const renderer = quietRenderer(output.stream);
  const own = story({ data: { db: 1 } }, (event, state) => renderer.event(event, state));
  own.launch('db', 1);
  own.pass(600);
  own.fail('db-0', 'bootstrap', 1_000, { gaveUp: false });
  own.fail('db-0', 'bootstrap', 1_000);
  own.tell({ type: 'warning', message: 'never mind' });
  own.tell({ type: 'api-calls', provider: 'west', calls: { RunInstances: 2 }, machines: 1 });
  renderer.note('a message');
  renderer.finish(null);
  expect(output.text()).toBe(
    'db-0  bootstrap failed after 1.0s: The script ended with exit code 3\na message\n',
  );
});
