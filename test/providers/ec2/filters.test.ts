import { describe, expect, it } from 'vitest';
import { filterLists } from '../../../src/providers/ec2/filters.ts';

describe('filterLists()', () => {
  it('is one list, an empty one without filters', () => {
    expect(filterLists({})).toEqual([[]]);
    expect(filterLists({ a: ['1', '2'], b: ['3'] })).toEqual([
      [
        { Name: 'a', Values: ['1', '2'] },
        { Name: 'b', Values: ['3'] },
      ],
    ]);
  });

  it('asks nothing where nothing can match', () => {
    expect(filterLists({ a: [], b: ['3'] })).toEqual([]);
  });

  it('gives no filter more than 200 values', () => {
    const many = Array.from({ length: 401 }, (_, index) => String(index));
    const lists = filterLists({ state: ['running'], id: many });
    expect(lists.map((list) => list.map(({ Name, Values }) => `${Name} ${Values.length}`))).toEqual([
      ['state 1', 'id 200'],
      ['state 1', 'id 200'],
      ['state 1', 'id 1'],
    ]);
    expect(lists.flatMap((list) => list[1]?.Values)).toEqual(many);
  });
});
