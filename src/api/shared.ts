/** What several users share: opened for the first of them, closed after the last. */
export interface Shared<T> {
  use<R>(work: (resource: T) => Promise<R>): Promise<R>;
}

export function createShared<T extends AsyncDisposable>(open: () => Promise<T>): Shared<T> {
  let users = 0;
  let opened: Promise<T> | undefined;
  return {
    async use(work) {
      users += 1;
      opened ??= open();
      const resource = opened;
      try {
        return await work(await resource);
      } finally {
        users -= 1;
        if (users === 0) {
          opened = undefined;
          const [end] = await Promise.allSettled([resource]);
          if (end.status === 'fulfilled') await end.value[Symbol.asyncDispose]();
        }
      }
    },
  };
}
