import { expect, it } from 'vitest';
import { scenario, states } from './scenario.ts';

const LEVELS = `
levels:
  - name: data
    services:
      db:
        count: 2
        bootstrap: { run: 'echo "$PLAN_MACHINE" >"$HOME/whose"; echo port=5432 >>"$PLAN_OUTPUT"' }
        outputs: [port]
        teardown: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/torn"' }
      exporter:
        colocate: db
        bootstrap: { run: 'echo "$PLAN_MACHINE on $(cat "$HOME/whose")" >>"$SHARED/told"; pwd >>"$SHARED/places"; echo seen=$PLAN_HOSTNAME >>"$PLAN_OUTPUT"' }
        outputs: [seen]
        teardown: { run: 'echo "$PLAN_MACHINE" >>"$SHARED/torn"' }
  - name: app
    services:
      app:
        colocate: exporter
        count: 1
        env: { SEEN: "{{services.exporter.seen}}", PORT: "{{services.db.port}}" }
        bootstrap: { run: 'echo "$PLAN_MACHINE sees $SEEN:$PORT from $PLAN_HOSTNAME" >>"$SHARED/told"' }
  - name: check
    services:
      smoke:
        provider: operator
        env: { APP: "{{services.app.hostname}}" }
        bootstrap: { run: 'echo "$PLAN_MACHINE asks $APP" >>"$SHARED/told"' }
`;

it('services share machines, in work directories of their own, and go before the ones whose machines they share', async () => {
  const space = await scenario();
  await space.plan('shared', LEVELS);
  expect(await space.run(['up', 'shared.yml'])).toMatchObject({ code: 0 });
  const status = await space.status('shared');
  expect(states(status)).toEqual(
    ['db-0', 'db-1', 'exporter-0', 'exporter-1', 'app-0', 'smoke-0'].map((name) => `${name} ready`),
  );
  const machines = await space.machines('shared');
  const of = (name: string) => {
    const { id, provider, hostname } = machines.get(name) ?? {};
    return { id, provider, hostname };
  };
  expect(of('exporter-1')).toEqual(of('db-1'));
  expect(of('app-0')).toEqual(of('db-0'));
  const host = of('db-0').hostname;
  expect(space.told('told').toSorted()).toEqual([
    `app-0 sees ${host}:5432 from ${host}`,
    'exporter-0 on db-0',
    'exporter-1 on db-1',
    `smoke-0 asks ${host}`,
  ]);
  expect(new Set(space.told('places')).size).toBe(2);
  expect((await space.run(['up', 'shared.yml'])).stderr).toContain('nothing to do');

  const repair = await space.run(['repair', 'shared', '--yes']);
  expect(repair).toMatchObject({ code: 0 });
  expect(space.told('told')).toHaveLength(4);

  expect(await space.run(['down', 'shared', '--yes'])).toMatchObject({ code: 0 });
  const torn = space.told('torn');
  expect(torn.slice(0, 2).toSorted()).toEqual(['exporter-0', 'exporter-1']);
  expect(torn.slice(2).toSorted()).toEqual(['db-0', 'db-1']);
});
