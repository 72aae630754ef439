import type { Cancel } from '../provider.ts';
import type { Filters } from './api.ts';
import type { Calls } from './calls.ts';
import { nextToken } from './ec2-terms.ts';
import type { SdkFilter } from './filters.ts';
import { filterLists } from './filters.ts';

/** A command that is ready to be sent. */
export type Sending<A> = (to: { readonly abortSignal: AbortSignal }) => Promise<A>;

/** One page of a filtered list. */
export interface PageRequest {
  readonly Filters: SdkFilter[];
  readonly NextToken: string | undefined;
}

/** The forms that calls of EC2 have. Commands are made anew for every try. */
export interface Asking {
  ask<A>(
    action: string,
    make: () => Sending<A>,
    cancel: Cancel & { readonly secrets?: readonly string[] },
  ): Promise<A>;
  /** A list of all pages of all the lists that the filters take. */
  lister<T, A extends object>(
    action: string,
    make: (page: PageRequest) => Sending<A>,
    itemsOf: (answer: A) => readonly T[] | undefined,
  ): (filters: Filters, cancel: Cancel) => Promise<readonly T[]>;
  /** A call that answers nothing of interest. */
  teller<W extends readonly unknown[]>(
    action: string,
    make: (...what: W) => Sending<object>,
  ): (...whatAndCancel: [...W, Cancel]) => Promise<void>;
}

export function createAsking(calls: Calls): Asking {
  const ask: Asking['ask'] = (action, make, { signal, secrets = [] }) =>
    calls.make({ service: 'EC2', action, send: (to) => make()(to), secrets }, { signal });
  return {
    ask,
    lister: (action, make, itemsOf) => async (filters, cancel) => {
      const pages: ReturnType<typeof itemsOf>[] = [];
      for (const Filters of filterLists(filters)) {
        let NextToken: string | undefined;
        do {
          const page = { Filters, NextToken };
          const answer = await ask(action, () => make(page), cancel);
          pages.push(itemsOf(answer));
          NextToken = nextToken(answer);
        } while (NextToken !== undefined);
      }
      return pages.flatMap((items) => items ?? []);
    },
    teller<W extends readonly unknown[]>(action: string, make: (...what: W) => Sending<object>) {
      return async (...whatAndCancel: [...W, Cancel]) => {
        // A slice's type is a list of anything.
        const what = whatAndCancel.slice(0, -1) as unknown as W;
        await ask(action, () => make(...what), whatAndCancel.at(-1) as Cancel);
      };
    },
  };
}
